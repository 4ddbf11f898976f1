// `npm run simulate`: lives through a range of seeds, in this process or in several, and tells what it found.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { breathe } from 'raft-ts/simulation';
import { addCounts, type Counts, describeCounts, noCounts } from './counts.ts';
import { runSeed, type SeedResult } from './run-seed.ts';

export interface SimulateOptions {
  readonly from: number;
  readonly seeds: number;
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
  #seeds = 0;
  violations = 0;

  constructor(options: SimulateOptions) {
    this.#options = options;
    this.#startedMs = options.nowMs();
  }

  add({ seed, counts, violation, trace }: SeedResult): void {
    const { print, seeds } = this.#options;
    this.#seeds += 1;
    addCounts(this.#counts, counts);
    if (violation !== undefined) {
      this.violations += 1;
      print(`seed ${seed} (trace ${trace}): ${violation}\n  again: npm run simulate -- --seed ${seed} --trace`);
    } else if (seeds === 1) print(`seed ${seed}: trace ${trace}`);
    if (this.#seeds % PROGRESS_EVERY_SEEDS === 0) {
      print(`${this.#seeds} of ${seeds} seeds, ${this.violations} violations`);
    }
  }

  /** The range ends early, before this seed. */
  interrupted(next: number): void {
    const { from, seeds, print } = this.#options;
    print(`interrupted; the rest: npm run simulate -- --seed ${next} --seeds ${from + seeds - next}`);
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
  const { from, seeds, workers, signal } = options;
  const report = new Report(options);
  let next = from;
  if (workers > 1 || seeds > SEEDS_OF_A_WORKER) next = await inWorkers(options, report);
  else {
    for (; next < from + seeds && !signal.aborted; next += 1) {
      report.add(await runSeed(next));
      await breathe();
    }
  }
  if (next < from + seeds) report.interrupted(next);
  report.finish();
  return report.violations;
}

/** Returns the first seed that was not lived through. */
async function inWorkers({ from, seeds, workers, signal }: SimulateOptions, report: Report): Promise<number> {
  const end = from + seeds;
  let next = from;
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(fileURLToPath(new URL('./worker.js', import.meta.url)), { serialization: 'advanced' });
      let lived = 0;
      const feed = (): void => {
        if (signal.aborted || next >= end || lived === SEEDS_OF_A_WORKER) {
          child.disconnect();
          return;
        }
        child.send(next);
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
    while (next < end && !signal.aborted) await one();
  };
  await Promise.all(Array.from({ length: workers }, oneAfterAnother));
  return next;
}
