// How long a client cannot write when the primary's machine dies, its whole region dies, or the primary is changed as
// planned; the first beside Patroni in the same run, in turns. How it is measured, and what came out, is in
// docs/benchmarks.md.
import { postgresqlSessions } from '../continuity/postgresql-session.ts';
import { RetryingClient } from '../continuity/retrying-client.ts';
import { ArgosyCluster } from './failover/argosy.ts';
import { alone, besideRow, boundedRow, Closing, inTurns, missedOf, writesRows } from './failover/contest.ts';
import { findPatroni, PatroniCluster, TIMES } from './failover/patroni.ts';
import { benchEngine, enginesFolder, progress } from './programs.ts';
import { findEtcd } from './raft/etcd-cluster.ts';
import { type BenchmarkResult, roundsOr } from './result.ts';

const ROUNDS = 10;
const PRIMARY = { peer: 'patroni', times: 0.5, goal: 0.25, ms: 4_000, goalMs: 2_000 } as const;
const REGION = { ms: 10_000, goalMs: 4_000 } as const;
const SWITCHOVER = { ms: 3_000, goalMs: 1_000 } as const;

export async function run(): Promise<BenchmarkResult> {
  const closing = new Closing();
  try {
    const patroni = closing.add(await startPatroni(await closing.folder('failover')));
    process.stdout.write(`\nPatroni's configuration, of the first of three:\n${patroni.configuration}\n`);
    const argosy = closing.add(await ArgosyCluster.start('postgresql'));
    return await measure(argosy, patroni, roundsOr(ROUNDS));
  } finally {
    await closing.all();
  }
}

async function measure(argosy: ArgosyCluster, patroni: PatroniCluster, rounds: number): Promise<BenchmarkResult> {
  const client = new RetryingClient(
    postgresqlSessions(patroni.places, { user: 'postgres', password: 'patroni', database: 'postgres' }),
  );
  const theirs = { client, whole: () => patroni.whole(), strike: async () => patroni.killLeader(client.place) };
  const ours = argosy.struckBy(() => argosy.killPrimary());
  const killed = await inTurns('primary killed', rounds, { ours, theirs, peer: 'Patroni' }).finally(() => client.end());
  const counted = await client.check();
  await patroni.close();
  const regions = await alone(
    'region killed',
    rounds,
    argosy.struckBy(() => argosy.killRegion()),
  );
  const switchovers = await alone(
    'switchover',
    rounds,
    argosy.struckBy(() => argosy.switchOver()),
  );
  const { acknowledged } = argosy.client;
  await argosy.client.end();
  const rows = [
    besideRow('primary killed, ms without an acknowledged write', killed, PRIMARY),
    boundedRow(
      'primary killed, p99, ms',
      killed.map(({ ours }) => ours),
      PRIMARY,
    ),
    boundedRow('whole region killed, p99, ms', regions, REGION),
    boundedRow('switchover, longest pause, p99, ms', switchovers, SWITCHOVER),
    ...writesRows(await argosy.client.check(), { patroni: counted }),
  ];
  const samples = JSON.stringify({ killed, regions, switchovers });
  const notes = { ...TIMES, rounds, acknowledged, node: process.version, samples };
  return {
    name: 'failover',
    rows,
    notes: { ...notes, patroni_yaml: patroni.configuration },
    failures: missedOf(rows),
  };
}

async function startPatroni(folder: string): Promise<PatroniCluster> {
  const tree = await findPatroni(enginesFolder, progress);
  const etcd = await findEtcd(enginesFolder, progress);
  const engine = await benchEngine('postgresql');
  return await PatroniCluster.start({ tree, etcd, engine, folder });
}
