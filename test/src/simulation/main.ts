// The command line of the simulator.
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { runSeed } from './run-seed.ts';
import { simulate } from './simulate.ts';

const USAGE = `npm run simulate -- [options]
  --seeds N     how many worlds to live through (default 100, or 1 with --seed)
  --seed S      the first seed (default 1); to go on with a range, the one that it was ended at
  --trace       of the first seed alone: everything that happens, line by line
  --workers N   processes (default 1)
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
      trace: { type: 'boolean', default: false },
      workers: { type: 'string', default: '1' },
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
  const seeds = wholeNumber(values.seeds ?? (values.seed === undefined ? '100' : '1'), 'seeds');
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const nowMs = (): number => performance.now();
    return (await simulate({ from, seeds, workers, print, nowMs, signal: stop.signal })) === 0 ? 0 : 1;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

async function trace(seed: number, print: (line: string) => void): Promise<number> {
  const result = await runSeed(seed, (line) => process.stdout.write(line));
  print(`trace ${result.trace}: ${result.violation ?? 'no violation'}`);
  return result.violation === undefined ? 0 : 1;
}
