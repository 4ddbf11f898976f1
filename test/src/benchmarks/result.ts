// What a benchmark answers: rows for a table, and how it was measured. `npm run bench` prints and keeps it.

export interface Measure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export type Cell = string | number | Measure;

export interface BenchmarkResult {
  readonly name: string;
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  readonly notes?: Readonly<Record<string, string | number>>;
  /** What must not be, such as an answer that is wrong: it fails the run. */
  readonly failures?: readonly string[];
}

/** Fewer rounds, for a look. */
const ROUNDS_VARIABLE = 'ARGOSY_BENCH_ROUNDS';

export function roundsOr(usual: number): number {
  return Number(process.env[ROUNDS_VARIABLE] ?? usual);
}

/** Of a few rounds. */
export function medianAndSpread(values: readonly number[]): Measure {
  return {
    median: digits(quantile(values, 0.5)),
    least: digits(Math.min(...values)),
    most: digits(Math.max(...values)),
  };
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

function digits(value: number): number {
  return Number(value.toPrecision(3));
}
