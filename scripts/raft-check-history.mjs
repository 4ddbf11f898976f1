// `npm run raft:check-history -- FILE...`: says of each recorded history whether it is linearizable.
import { raftModule } from './raft-module.mjs';

const { checkHistories } = await raftModule('checker/check-history.js');
process.exitCode = checkHistories(process.argv.slice(2), console.log, console.error);
