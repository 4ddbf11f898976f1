// How long a client cannot write when the primary's machine dies, its whole region dies, or the primary is changed as
// planned; the first beside Patroni in the same run, in turns. How it is measured, and what came out, is in
// docs/benchmarks.md.
import { chmodSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareEngine } from '@argosy/images';
import { type Checked, RetryingClient } from '../continuity/retrying-client.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { ArgosyCluster } from './failover/argosy.ts';
import { findPatroni, PatroniCluster, TIMES } from './failover/patroni.ts';
import { findEtcd } from './raft/etcd-cluster.ts';
import { type BenchmarkResult, type Cell, medianAndSpread, quantile } from './result.ts';

const ROUNDS = 10;
/** Fewer, for a look. */
const ROUNDS_VARIABLE = 'ARGOSY_BENCH_ROUNDS';
const RECOVERY_LIMIT_MS = 60_000;
/** Writes that are acknowledged so long after the blow have come through. */
const THROUGH_MS = 1_500;
/** Between two blows, so that no round begins in the wake of another. */
const CALM_MS = 1_000;
const PRIMARY = { times: 0.5, goal: 0.25, ms: 4_000, goalMs: 2_000 } as const;
const REGION = { ms: 10_000, goalMs: 4_000 } as const;
const SWITCHOVER = { ms: 3_000, goalMs: 1_000 } as const;
const enginesFolder = join(dirname(fileURLToPath(import.meta.url)), '../../../.argosy/bench');

export async function run(): Promise<BenchmarkResult> {
  const rounds = Number(process.env[ROUNDS_VARIABLE] ?? ROUNDS);
  const folder = await mkdtemp(join(tmpdir(), 'argosy-bench-failover-'));
  chmodSync(folder, 0o755);
  const closing: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const patroni = await startPatroni(folder);
    closing.push(() => patroni.close());
    const configuration = patroni.configuration;
    process.stdout.write(`\nPatroni's configuration, of the first of three:\n${configuration}\n`);
    const theirs = new RetryingClient(patroni.places, { user: 'postgres', password: 'patroni', database: 'postgres' });
    closing.push(() => theirs.end());
    const argosy = await ArgosyCluster.start();
    closing.push(() => argosy.close());
    return await measure({ argosy, patroni, theirs, rounds, configuration });
  } finally {
    for (const close of closing.reverse()) await close().catch((error: unknown) => process.stderr.write(`${error}\n`));
  }
}

interface Contest {
  readonly argosy: ArgosyCluster;
  readonly patroni: PatroniCluster;
  readonly theirs: RetryingClient;
  readonly rounds: number;
  readonly configuration: string;
}

async function measure({ argosy, patroni, theirs, rounds, configuration }: Contest): Promise<BenchmarkResult> {
  const killed: { readonly ours: number; readonly theirs: number }[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await argosy.whole();
    const ours = await pauseOf(argosy.client, () => argosy.killPrimary());
    await patroni.whole();
    const their = await pauseOf(theirs, async () => patroni.killLeader(theirs.place));
    killed.push({ ours, theirs: their });
    process.stdout.write(`round ${round}: primary killed: Argosy ${ours} ms, Patroni ${their} ms\n`);
  }
  await theirs.end();
  const counted = await theirs.check();
  await patroni.close();
  const regions: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await argosy.whole();
    regions.push(await pauseOf(argosy.client, () => argosy.killRegion()));
    process.stdout.write(`round ${round}: region killed: ${regions.at(-1)} ms\n`);
  }
  const switchovers: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await argosy.whole();
    const begin = performance.now();
    await argosy.switchOver();
    await through(argosy.client, performance.now());
    switchovers.push(argosy.client.longestPauseMs(begin));
    process.stdout.write(`round ${round}: switchover: ${switchovers.at(-1)} ms\n`);
  }
  const { acknowledged } = argosy.client;
  await argosy.client.end();
  const own = await argosy.client.check();
  return resultOf({ killed, regions, switchovers, rounds, configuration, acknowledged, own, theirs: counted });
}

/** Strikes, waits until writes come through again, and gives back what died. */
async function pauseOf(client: RetryingClient, strike: () => Promise<() => void>): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, CALM_MS));
  const begin = performance.now();
  const giveBack = await strike();
  await through(client, performance.now());
  const pauseMs = client.longestPauseMs(begin);
  giveBack();
  return pauseMs;
}

async function through(client: RetryingClient, sinceMs: number): Promise<void> {
  const isThrough = (): boolean => client.lastMs > sinceMs + THROUGH_MS;
  await waitUntil('writes come through again', RECOVERY_LIMIT_MS, isThrough);
}

interface Measured {
  readonly killed: readonly { readonly ours: number; readonly theirs: number }[];
  readonly regions: readonly number[];
  readonly switchovers: readonly number[];
  readonly rounds: number;
  readonly configuration: string;
  readonly acknowledged: number;
  readonly own: Checked;
  readonly theirs: Checked;
}

function resultOf(measured: Measured): BenchmarkResult {
  const { killed, regions, switchovers, rounds, configuration, acknowledged, own, theirs } = measured;
  const ratios = killed.map((pair) => pair.ours / pair.theirs);
  const ours = killed.map((pair) => pair.ours);
  const ratio = quantile(ratios, 0.5);
  const times = ratio <= PRIMARY.goal ? 'goal met' : ratio <= PRIMARY.times ? 'met' : 'missed';
  const rows: Record<string, Cell>[] = [
    {
      ...{ figure: 'primary killed, ms without an acknowledged write', argosy: medianAndSpread(ours) },
      ...{ patroni: medianAndSpread(killed.map((pair) => pair.theirs)), ratio: medianAndSpread(ratios) },
      ...{ bar: `at most ${PRIMARY.times}×, goal ${PRIMARY.goal}×`, verdict: times },
    },
    boundedRow('primary killed, p99, ms', ours, PRIMARY),
    boundedRow('whole region killed, p99, ms', regions, REGION),
    boundedRow('switchover, longest pause, p99, ms', switchovers, SWITCHOVER),
    {
      ...{ figure: 'acknowledged writes lost', argosy: own.lost.length, patroni: theirs.lost.length, ratio: '' },
      ...{ bar: '0', verdict: own.lost.length === 0 ? 'met' : 'missed' },
    },
    {
      ...{ figure: 'writes there twice', argosy: own.doubled.length, patroni: theirs.doubled.length, ratio: '' },
      ...{ bar: '0', verdict: own.doubled.length === 0 ? 'met' : 'missed' },
    },
  ];
  const missed = rows.filter(({ verdict }) => verdict === 'missed').map(({ figure }) => `${figure}: missed`);
  const samples = JSON.stringify({ killed, regions, switchovers });
  const settings = { ...TIMES, rounds, acknowledged, node: process.version };
  return { name: 'failover', rows, notes: { ...settings, samples, patroni_yaml: configuration }, failures: missed };
}

/** With ten rounds the 99th percentile is the longest. */
function boundedRow(figure: string, values: readonly number[], limit: { ms: number; goalMs: number }) {
  const worst = quantile(values, 0.99);
  return {
    ...{ figure, argosy: `${Math.round(worst)}, median ${Math.round(quantile(values, 0.5))}`, patroni: '', ratio: '' },
    bar: `under ${limit.ms}, goal under ${limit.goalMs}`,
    verdict: worst < limit.goalMs ? 'goal met' : worst < limit.ms ? 'met' : 'missed',
  };
}

async function startPatroni(folder: string): Promise<PatroniCluster> {
  const progress = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const tree = await findPatroni(enginesFolder, progress);
  const etcd = await findEtcd(enginesFolder, progress);
  const isRoot = process.getuid?.() === 0;
  const directory = join(tmpdir(), `argosy-engines-${userInfo().uid}`);
  const engines = await prepareEngine(
    { datastore: 'postgresql', version: '15', directory },
    { isRoot, progress: () => undefined },
  );
  const engine = engines.postgresql?.['15'];
  if (engine === undefined) throw new Error('There is no PostgreSQL 15.');
  return await PatroniCluster.start({ tree, etcd, engine, folder });
}
