// `npm run raft:scenarios -- PATH…`: sets up, and runs the Raft core on scenario files or folders of them. Its last
// line is `N passed, N failed`, counted in directives.
import { setup } from './setup.mjs';

try {
  await setup({ quiet: true });
} catch (error) {
  console.log(error.name === 'SetupError' ? error.message : (error.stack ?? String(error)));
  console.log('0 passed, 1 failed');
  process.exit(1);
}
await import('../raft/dist/scenarios/main.js');
