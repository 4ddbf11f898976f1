// The command line of the simulator.
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { huntMutants } from './hunt.ts';
import { runSeed } from './run-seed.ts';
import { playScript, type ScriptName, scripts } from './scripts.ts';
import { simulate } from './simulate.ts';

const USAGE = `npm run simulate -- [options]
  --seeds N       how many worlds to live through (default 100, or 1 with --seed)
  --seed S        the first seed (default 1); to go on with a range, the one that it was ended at
  --durability D  only the worlds whose cluster is async, or quorum
  --trace         of the first seed alone: everything that happens, line by line
  --workers N     processes (default 1)
  --scripts       plays the kept scripts on the code as it is
  --mutants       takes rules out of the code, one at a time, and says which script shows each
  --random        with --mutants: by random worlds instead (--seed, --seeds; default 50)
  --only BUGS     with --mutants: some of them, with commas between
`;

function wholeNumber(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} is a whole number above 0, not "${text}".`);
  return value;
}

/** Returns the exit status. */
export async function main(args: readonly string[], print: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      durability: { type: 'string' },
      trace: { type: 'boolean', default: false },
      workers: { type: 'string', default: '1' },
      scripts: { type: 'boolean', default: false },
      mutants: { type: 'boolean', default: false },
      random: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(USAGE);
    return 0;
  }
  const from = wholeNumber(values.seed ?? '1', 'seed');
  if (values.trace) return trace(from, print);
  const workers = wholeNumber(values.workers, 'workers');
  if (values.scripts) return (await playAll(print)) === 0 ? 0 : 1;
  const nowMs = (): number => performance.now();
  if (values.mutants) {
    const { only, random: isRandom } = values;
    const seeds = wholeNumber(values.seeds ?? '50', 'seeds');
    return (await huntMutants({ from, seeds, isRandom, workers, only, print, nowMs })) === 0 ? 0 : 1;
  }
  const seeds = wholeNumber(values.seeds ?? (values.seed === undefined ? '100' : '1'), 'seeds');
  const { durability: only } = values;
  if (only !== undefined && only !== 'async' && only !== 'quorum') {
    throw new Error(`--durability is async or quorum, not "${only}".`);
  }
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    return (await simulate({ from, seeds, only, workers, print, nowMs, signal: stop.signal })) === 0 ? 0 : 1;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** Returns how many scripts end badly. */
async function playAll(print: (line: string) => void): Promise<number> {
  const names = Object.keys(scripts) as ScriptName[];
  let bad = 0;
  for (const name of names) {
    const violation = await playScript(scripts[name]);
    if (violation !== undefined) bad += 1;
    print(`${name}: ${violation ?? 'ends well'}`);
  }
  print(`${bad} violations in ${names.length} scripts`);
  return bad;
}

async function trace(seed: number, print: (line: string) => void): Promise<number> {
  const result = await runSeed(seed, (line) => process.stdout.write(line));
  print(`trace ${result.trace}: ${result.violation ?? 'no violation'}`);
  return result.violation === undefined ? 0 : 1;
}
