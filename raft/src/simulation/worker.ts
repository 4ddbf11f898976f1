// A process that lives through the seeds that its parent names, and tells what became of each.
import process from 'node:process';
import { runSeed } from './run-seed.ts';
import { breathe } from './timeline.ts';

// Its parent ends it, when it has what it asked for.
process.on('SIGINT', () => undefined);
process.on('message', (batch) => {
  const { from, count } = batch as { from: number; count: number };
  void live(from, count);
});

async function live(from: number, count: number): Promise<void> {
  for (let seed = from; seed < from + count; seed += 1) {
    process.send?.(await runSeed(seed));
    await breathe();
  }
}
