// Two clusters that are struck in turns while a client writes to each, and the rows that come of it. What else the machine
// does falls on both.
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Checked, RetryingClient } from '../../continuity/retrying-client.ts';
import { waitUntil } from '../../crash-matrix/waiting.ts';
import { type Cell, medianAndSpread, quantile } from '../result.ts';

const RECOVERY_LIMIT_MS = 60_000;
/** Writes that are acknowledged so long after the blow have come through. */
const THROUGH_MS = 1_500;
/** Between two blows, so that no round begins in the wake of another. */
const CALM_MS = 1_000;

/** Kills, and answers what gives back what died. */
export type Strike = () => Promise<() => void>;

export interface Side {
  readonly client: RetryingClient;
  /** Answers when nothing is left of the last blow. */
  whole(): Promise<unknown>;
  readonly strike: Strike;
}

/** In ms, of one round. */
export interface Pair {
  readonly ours: number;
  readonly theirs: number;
}

export type Row = Record<string, Cell>;

/** Each of `rounds` strikes both. */
export async function inTurns(
  what: string,
  rounds: number,
  { ours, theirs, peer }: { readonly ours: Side; readonly theirs: Side; readonly peer: string },
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const pair = { ours: await pauseOf(ours), theirs: await pauseOf(theirs) };
    pairs.push(pair);
    process.stdout.write(`round ${round}: ${what}: Argosy ${pair.ours} ms, ${peer} ${pair.theirs} ms\n`);
  }
  return pairs;
}

export async function alone(what: string, rounds: number, side: Side): Promise<number[]> {
  const pauses: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    pauses.push(await pauseOf(side));
    process.stdout.write(`round ${round}: ${what}: ${pauses.at(-1)} ms\n`);
  }
  return pauses;
}

/** Strikes, waits until writes come through again, and gives back what died. */
async function pauseOf({ client, whole, strike }: Side): Promise<number> {
  await whole();
  await new Promise((resolve) => setTimeout(resolve, CALM_MS));
  const begin = performance.now();
  const giveBack = await strike();
  const struckMs = performance.now();
  await waitUntil('writes come through again', RECOVERY_LIMIT_MS, () => client.lastMs > struckMs + THROUGH_MS);
  const pauseMs = client.longestPauseMs(begin);
  giveBack();
  return pauseMs;
}

/** Ours beside theirs, judged by the median of the ratios of each round. */
export function besideRow(
  figure: string,
  pairs: readonly Pair[],
  { peer, times, goal = 0 }: { readonly peer: string; readonly times: number; readonly goal?: number },
): Row {
  const ratios = pairs.map(({ ours, theirs }) => ours / theirs);
  const ratio = quantile(ratios, 0.5);
  return {
    ...{ figure, argosy: medianAndSpread(pairs.map(({ ours }) => ours)) },
    ...{ [peer]: medianAndSpread(pairs.map(({ theirs }) => theirs)), ratio: medianAndSpread(ratios) },
    bar: `at most ${times}×${goal === 0 ? '' : `, goal ${goal}×`}`,
    verdict: ratio <= goal ? 'goal met' : ratio <= times ? 'met' : 'missed',
  };
}

/** With ten rounds the 99th percentile is the longest. */
export function boundedRow(
  figure: string,
  values: readonly number[],
  { ms, goalMs = 0 }: { readonly ms: number; readonly goalMs?: number },
): Row {
  const worst = quantile(values, 0.99);
  return {
    ...{ figure, argosy: percentiles(values) },
    bar: `under ${ms}${goalMs === 0 ? '' : `, goal under ${goalMs}`}`,
    verdict: worst < goalMs ? 'goal met' : worst < ms ? 'met' : 'missed',
  };
}

export function percentiles(values: readonly number[]): string {
  return `${Math.round(quantile(values, 0.99))}, median ${Math.round(quantile(values, 0.5))}`;
}

/** Nothing that was acknowledged may be lost, and nothing be there twice; `others` is the peer's part of the table. */
export function writesRows(own: Checked, others: Readonly<Record<string, Checked>> = {}): Row[] {
  const row = (figure: string, of: (checked: Checked) => number): Row => ({
    ...{ figure, argosy: of(own) },
    ...Object.fromEntries(Object.entries(others).map(([peer, checked]) => [peer, of(checked)])),
    ...{ bar: '0', verdict: of(own) === 0 ? 'met' : 'missed' },
  });
  return [
    row('acknowledged writes lost', ({ lost }) => lost.length),
    row('writes there twice', ({ doubled }) => doubled.length),
  ];
}

/** What failed. */
export function missedOf(rows: readonly Row[]): string[] {
  return rows.filter(({ verdict }) => verdict === 'missed').map(({ figure }) => `${figure}: missed`);
}

/** Whatever was opened, closed in the end and in reverse, also when something failed. */
export class Closing {
  readonly #calls: (() => Promise<unknown>)[] = [];

  add<Opened extends { close(): Promise<unknown> }>(opened: Opened): Opened {
    this.#calls.push(() => opened.close());
    return opened;
  }

  /** Which the user of a database can enter. */
  async folder(name: string): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), `argosy-bench-${name}-`));
    this.#calls.push(async () => rmSync(folder, { recursive: true, force: true }));
    await chmod(folder, 0o755);
    return folder;
  }

  async all(): Promise<void> {
    for (const close of this.#calls.reverse()) {
      await close().catch((error: unknown) => process.stderr.write(`${error}\n`));
    }
  }
}
