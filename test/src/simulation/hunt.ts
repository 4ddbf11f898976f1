// `npm run simulate -- --mutants`: whether the simulator finds the bugs that it is given.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { HuntOrder } from './mutant-worker.ts';
import { type Mutant, mutants } from './mutants.ts';

export interface HuntOptions {
  readonly from: number;
  /** Random worlds that a mutant is given, if it has no script, or if chance alone shall find it. */
  readonly seeds: number;
  readonly isRandom: boolean;
  readonly workers: number;
  /** The bugs, with commas between. Empty: all. */
  readonly only: string;
  readonly print: (line: string) => void;
  /** Elapsed time of this machine, in milliseconds. */
  readonly nowMs: () => number;
}

/** A bug can make a world turn for ever; then it is not found. Milliseconds of this machine. */
const PATIENCE_MS = 1_800_000;
const COMPLAINT_CHARACTERS = 500;

interface Answer {
  readonly by?: string;
  readonly violation?: string;
  readonly error?: string;
}

function hunt(order: HuntOrder): Promise<Answer> {
  return new Promise((resolve) => {
    const worker = fileURLToPath(new URL('./mutant-worker.js', import.meta.url));
    const stdio: ('ignore' | 'pipe' | 'ipc')[] = ['ignore', 'ignore', 'pipe', 'ipc'];
    const child = fork(worker, { timeout: PATIENCE_MS, killSignal: 'SIGKILL', stdio });
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    child.once('message', (answer) => resolve(answer as Answer));
    child.once('exit', (code) =>
      resolve({ error: `the process ended with ${code}: ${said.slice(0, COMPLAINT_CHARACTERS)}` }),
    );
    child.send(order);
  });
}

function row(bug: string, by: string, seconds: string, name: string): string {
  return `${bug.padEnd(9)} ${by.padEnd(18)} ${seconds.padStart(7)}  ${name}`;
}

/** Prints a table of what was found by what, and returns how many were not found. */
export async function huntMutants(options: HuntOptions): Promise<number> {
  const { print, seeds, only, nowMs, from, isRandom } = options;
  const wanted = only.split(',');
  const waiting = mutants.filter(({ bug }) => only === '' || wanted.includes(bug));
  const total = waiting.length;
  if (total === 0) throw new Error(`There is no bug "${only}".`);
  let found = 0;
  print(row('bug', 'found by', 'seconds', 'what is wrong: how it showed'));
  const next = async (): Promise<void> => {
    const mutant: Mutant | undefined = waiting.shift();
    if (mutant === undefined) return;
    const startedMs = nowMs();
    const { edits, script } = mutant;
    const order = { edits, from, count: seeds, ...(script === undefined || isRandom ? {} : { script }) };
    const { by, violation, error } = await hunt(order);
    if (by !== undefined) found += 1;
    const how = violation?.split('\n')[0] ?? error ?? 'not found';
    print(row(mutant.bug, by ?? 'nothing', ((nowMs() - startedMs) / 1000).toFixed(1), `${mutant.name}: ${how}`));
    await next();
  };
  await Promise.all(Array.from({ length: options.workers }, next));
  print(`${found} of ${total} mutants found`);
  return total - found;
}
