// `npm run raft:simulate`: lives through seeded worlds of faults and says what must not have happened and did.
import { raftModule } from './raft-module.mjs';

process.setSourceMapsEnabled(true);
const { main } = await raftModule('simulation/main.js');
try {
  process.exitCode = await main(process.argv.slice(2), console.log);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
