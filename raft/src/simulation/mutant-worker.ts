// A process whose code has a bug. Its parent names the edits and the seeds; it tells the first seed that shows the bug.
import { register } from 'node:module';
import process from 'node:process';
import type { Edit } from './mutation-loader.ts';

process.once('message', (message) => {
  const { edits, from, count } = message as { edits: readonly Edit[]; from: number; count: number };
  live(edits, from, count).then(
    (found) => process.send?.(found, () => process.exit(0)),
    (error: Error) => process.send?.({ error: error.message }, () => process.exit(1)),
  );
});

async function live(edits: readonly Edit[], from: number, count: number): Promise<unknown> {
  register('./mutation-loader.js', { parentURL: import.meta.url, data: edits });
  const { runSeed } = await import('./run-seed.ts');
  for (let seed = from; seed < from + count; seed += 1) {
    const { violation } = await runSeed(seed);
    if (violation !== undefined) return { seed, violation };
  }
  return {};
}
