// A process that lives through the seeds that its parent names, and tells what became of each.
import process from 'node:process';
import { runSeed } from './run-seed.ts';

// Its parent ends it, when it has what it asked for.
process.on('SIGINT', () => undefined);
process.on('message', (seed) => {
  void runSeed(seed as number).then((result) => process.send?.(result));
});
