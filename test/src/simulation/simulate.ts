// `npm run simulate`: lives through a range of seeds, in this process or in several, and tells what it found.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { breathe, Random } from 'raft-ts/simulation';
import { addCounts, type Counts, describeCounts, noCounts } from './counts.ts';
import { drawHabits } from './habits.ts';
import { runSeed, type SeedResult } from './run-seed.ts';

export interface SimulateOptions {
  readonly from: number;
  readonly seeds: number;
  /** Absent: all of the range. */
  readonly only?: 'async' | 'quorum' | undefined;
  readonly workers: number;
  readonly print: (line: string) => void;
  /** Elapsed time of this machine, in milliseconds; it tells the speed and nothing else. */
  readonly nowMs: () => number;
  /** Ends the run early, with what was seen so far. */
  readonly signal: AbortSignal;
}

const PROGRESS_EVERY_SEEDS = 100;
/** What a world leaves unended is kept by its process, some megabytes each: then another process goes on. */
const SEEDS_OF_A_WORKER = 50;

class Report {
  readonly #options: SimulateOptions;
  readonly #startedMs: number;
  readonly #counts: Counts = noCounts();
  readonly #all: number;
  #seeds = 0;
  violations = 0;

  /** `all`: how many will be added. */
  constructor(options: SimulateOptions, all: number) {
    this.#options = options;
    this.#all = all;
    this.#startedMs = options.nowMs();
  }

  add({ seed, counts, violation, trace }: SeedResult): void {
    const { print } = this.#options;
    this.#seeds += 1;
    addCounts(this.#counts, counts);
    if (violation !== undefined) {
      this.violations += 1;
      print(`seed ${seed} (trace ${trace}): ${violation}\n  again: npm run simulate -- --seed ${seed} --trace`);
    } else if (this.#all === 1) print(`seed ${seed}: trace ${trace}`);
    if (this.#seeds % PROGRESS_EVERY_SEEDS === 0) {
      print(`${this.#seeds} of ${this.#all} seeds, ${this.violations} violations`);
    }
  }

  /** The range ends early, before this seed. */
  interrupted(next: number): void {
    const { from, seeds, only, print } = this.#options;
    const kind = only === undefined ? '' : ` --durability ${only}`;
    print(`interrupted; the rest: npm run simulate -- --seed ${next} --seeds ${from + seeds - next}${kind}`);
  }

  finish(): void {
    const seconds = (this.#options.nowMs() - this.#startedMs) / 1000;
    const rate = (this.#seeds / seconds).toFixed(2);
    const seen = describeCounts(this.#counts);
    this.#options.print(`${this.violations} violations in ${this.#seeds} seeds; ${seen}; ${rate} seeds/s`);
  }
}

/** Returns how many seeds showed a violation. */
export async function simulate(options: SimulateOptions): Promise<number> {
  const { from, seeds: count, only, workers, signal } = options;
  const range = Array.from({ length: count }, (_, index) => from + index);
  const seeds = only === undefined ? range : range.filter((seed) => durabilityOf(seed) === only);
  const report = new Report(options, seeds.length);
  let lived = 0;
  if (workers > 1 || seeds.length > SEEDS_OF_A_WORKER) lived = await inWorkers(seeds, options, report);
  else {
    for (; lived < seeds.length && !signal.aborted; lived += 1) {
      report.add(await runSeed(seeds[lived] ?? from));
      await breathe();
    }
  }
  const next = seeds[lived];
  if (next !== undefined) report.interrupted(next);
  report.finish();
  return report.violations;
}

/** Of the world's cluster. */
function durabilityOf(seed: number): 'async' | 'quorum' {
  return drawHabits(new Random(seed)).rpoSeconds === undefined ? 'quorum' : 'async';
}

/** Returns how many of the seeds were begun: all the first ones. */
async function inWorkers(
  seeds: readonly number[],
  { workers, signal }: SimulateOptions,
  report: Report,
): Promise<number> {
  let next = 0;
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(fileURLToPath(new URL('./worker.js', import.meta.url)), { serialization: 'advanced' });
      let lived = 0;
      const feed = (): void => {
        if (signal.aborted || next >= seeds.length || lived === SEEDS_OF_A_WORKER) {
          child.disconnect();
          return;
        }
        child.send(seeds[next] ?? 0);
        next += 1;
        lived += 1;
      };
      child.on('message', (result) => {
        report.add(result as SeedResult);
        feed();
      });
      child.on('error', reject);
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`A worker ended with ${code}.`))));
      feed();
    });
  const oneAfterAnother = async (): Promise<void> => {
    while (next < seeds.length && !signal.aborted) await one();
  };
  await Promise.all(Array.from({ length: workers }, oneAfterAnother));
  return next;
}
