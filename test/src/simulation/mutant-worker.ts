// A process whose code has a bug. Its parent names the edits and what to live through; it tells what showed the bug.
import { register } from 'node:module';
import process from 'node:process';
import type { Edit } from 'raft-ts/simulation';
import type { ScriptName } from './scripts.ts';

export interface HuntOrder {
  readonly edits: readonly Edit[];
  readonly script?: ScriptName;
  readonly from: number;
  readonly count: number;
}

process.once('message', (message) => {
  live(message as HuntOrder).then(
    (found) => process.send?.(found, () => process.exit(0)),
    (error: Error) => process.send?.({ error: error.message }, () => process.exit(1)),
  );
});

async function live({ edits, script, from, count }: HuntOrder): Promise<object> {
  register('raft-ts/simulation/mutation-loader', { parentURL: import.meta.url, data: edits });
  if (script !== undefined) {
    const { playScript, scripts } = await import('./scripts.ts');
    const violation = await playScript(scripts[script]);
    return violation === undefined ? {} : { by: script, violation };
  }
  const { runSeed } = await import('./run-seed.ts');
  for (let seed = from; seed < from + count; seed += 1) {
    const { violation } = await runSeed(seed);
    if (violation !== undefined) return { by: `seed ${seed}`, violation };
  }
  return {};
}
