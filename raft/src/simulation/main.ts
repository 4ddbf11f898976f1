// The command line of the simulator.
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { huntMutants } from './hunt.ts';
import { runSeed } from './run-seed.ts';
import { simulate } from './simulate.ts';

const usage = `npm run raft:simulate -- [options]
  --seeds N     how many worlds to live through (default 100)
  --from N      the first seed (default 1), to resume a range
  --seed S      one seed alone
  --trace       with --seed: everything that happens, line by line
  --workers N   processes (default 1)
  --mutants     puts known bugs into the code, one at a time, and says which seed finds each
  --only NAME   with --mutants: those whose name begins so; several with commas between
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
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      workers: { type: 'string', default: '1' },
      mutants: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(usage);
    return 0;
  }
  if (values.seed !== undefined && values.trace) {
    const result = await runSeed(wholeNumber(values.seed, 'seed'), (line) => process.stdout.write(line));
    print(`trace ${result.trace}: ${result.violation ?? 'no violation'}`);
    return result.violation === undefined ? 0 : 1;
  }
  const workers = wholeNumber(values.workers, 'workers');
  if (values.mutants) {
    const seeds = wholeNumber(values.seeds, 'seeds');
    const from = wholeNumber(values.from, 'from');
    return (await huntMutants({ seeds, from, workers, only: values.only, print })) === 0 ? 0 : 1;
  }
  const violations = await simulate({
    from: wholeNumber(values.seed ?? values.from, values.seed === undefined ? 'from' : 'seed'),
    seeds: values.seed === undefined ? wholeNumber(values.seeds, 'seeds') : 1,
    workers,
    print,
    nowMs: () => performance.now(),
  });
  return violations === 0 ? 0 : 1;
}
