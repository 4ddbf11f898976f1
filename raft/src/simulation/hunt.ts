// `npm run raft:simulate -- --mutants`: whether the simulator finds the bugs that it is given.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Mutant, mutants } from './mutants.ts';

export interface HuntOptions {
  /** The first seed. */
  readonly from: number;
  /** Seeds that each mutant is given to be found in. */
  readonly seeds: number;
  readonly workers: number;
  /** The bugs, with commas between; a number means all its letters. Empty: all. */
  readonly only: string;
  readonly print: (line: string) => void;
  /** Elapsed time of this machine, in milliseconds. */
  readonly nowMs: () => number;
}

/** A bug can make a world turn for ever; then it is not found. Milliseconds of this machine. */
const patienceMs = 1_800_000;

interface Answer {
  readonly seed?: number;
  readonly violation?: string;
  readonly error?: string;
}

function hunt({ edits }: Mutant, { from, seeds }: HuntOptions): Promise<Answer> {
  return new Promise((resolve) => {
    const worker = fileURLToPath(new URL('./mutant-worker.js', import.meta.url));
    const child = fork(worker, {
      timeout: patienceMs,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    child.once('message', (answer) => resolve(answer as Answer));
    child.once('exit', (code) => resolve({ error: `the process ended with ${code}: ${said.slice(0, 500)}` }));
    child.send({ edits, from, count: seeds });
  });
}

function isWanted({ bug }: Mutant, only: string): boolean {
  return only === '' || only.split(',').some((wanted) => wanted === bug || wanted === bug.replace(/[a-z]$/, ''));
}

function row(bug: string, seed: string, seconds: string, name: string): string {
  return `${bug.padEnd(4)} ${seed.padStart(5)} ${seconds.padStart(8)}  ${name}`;
}

/** Prints a table of what was found by which seed, and returns how many were not found. */
export async function huntMutants(options: HuntOptions): Promise<number> {
  const { print, seeds, only, nowMs } = options;
  const waiting = mutants.filter((mutant) => isWanted(mutant, only));
  const total = waiting.length;
  if (total === 0) throw new Error(`There is no bug "${only}".`);
  let found = 0;
  print(row('bug', 'seed', 'seconds', 'what is wrong: how it showed'));
  const next = async (): Promise<void> => {
    const mutant = waiting.shift();
    if (mutant === undefined) return;
    const startedAtMs = nowMs();
    const { seed, violation, error } = await hunt(mutant, options);
    if (seed !== undefined) found += 1;
    const how = violation?.split('\n')[0] ?? error ?? `not found in ${seeds} seeds`;
    const seconds = ((nowMs() - startedAtMs) / 1000).toFixed(1);
    print(row(mutant.bug, seed === undefined ? 'none' : String(seed), seconds, `${mutant.name}: ${how}`));
    await next();
  };
  await Promise.all(Array.from({ length: options.workers }, next));
  print(`${found} of ${total} mutants found, each in at most ${seeds} seeds`);
  return total - found;
}
