// `npm run raft:simulate -- --mutants`: whether the simulator finds the bugs that it is given.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Mutant, mutants } from './mutants.ts';

export interface HuntOptions {
  /** Seeds that each mutant is given to be found in. */
  readonly seeds: number;
  readonly from: number;
  readonly workers: number;
  /** Only mutants whose name begins with one of these, with commas between. */
  readonly only: string;
  readonly print: (line: string) => void;
}

/** A bug can make a world turn for ever; then it is not found. Milliseconds of this machine. */
const patienceMs = 600_000;

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

/** Returns how many were not found. */
export async function huntMutants(options: HuntOptions): Promise<number> {
  const { print, seeds, only } = options;
  const waiting = mutants.filter(({ name }) => only.split(',').some((beginning) => name.startsWith(beginning)));
  const total = waiting.length;
  let found = 0;
  let without = 0;
  const next = async (): Promise<void> => {
    const mutant = waiting.shift();
    if (mutant === undefined) return;
    if (mutant.edits.length === 0) {
      without += 1;
      print(`${mutant.name}: waits for the feature`);
    } else {
      const { seed, violation, error } = await hunt(mutant, options);
      if (seed !== undefined) found += 1;
      const how =
        seed === undefined ? (error ?? `not found in ${seeds} seeds`) : `seed ${seed}: ${violation?.split('\n')[0]}`;
      print(`${mutant.name}: ${how}`);
    }
    await next();
  };
  await Promise.all(Array.from({ length: options.workers }, next));
  print(`${found} of ${total - without} mutants found; ${without} wait for their feature`);
  return total - without - found;
}
