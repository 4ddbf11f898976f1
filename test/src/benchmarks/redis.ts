// How long a client cannot write to Redis when the primary's server or its whole machine is killed, beside Redis Sentinel in
// the same run, in turns. Both are asked who leads by Sentinel's protocol. How it is measured, and what came out, is in
// docs/benchmarks.md.
import { RetryingClient } from '../continuity/retrying-client.ts';
import { sentinelSessions } from '../continuity/sentinel-session.ts';
import { ArgosyCluster } from './failover/argosy.ts';
import { besideRow, Closing, inTurns, missedOf, type Pair, percentiles, type Side } from './failover/contest.ts';
import { LOGIN, SentinelCluster, TIMES } from './failover/sentinel.ts';
import { benchEngine } from './programs.ts';
import { type BenchmarkResult, roundsOr } from './result.ts';

const ROUNDS = 10;
const BAR = { peer: 'sentinel', times: 1 } as const;
const MACHINE = "primary's machine killed (kill -9 of all its processes)";
const SERVER = "primary's server alone killed (kill -9)";

export async function run(): Promise<BenchmarkResult> {
  const closing = new Closing();
  try {
    const folder = await closing.folder('redis');
    const sentinel = closing.add(await SentinelCluster.start(await benchEngine('redis'), folder));
    process.stdout.write(`\nOf the second Redis and the second Sentinel:\n${sentinel.configuration}\n`);
    const argosy = closing.add(await ArgosyCluster.start('redis'));
    return await measure(argosy, sentinel, roundsOr(ROUNDS));
  } finally {
    await closing.all();
  }
}

async function measure(argosy: ArgosyCluster, sentinel: SentinelCluster, rounds: number): Promise<BenchmarkResult> {
  const client = new RetryingClient(sentinelSessions(sentinel.places, LOGIN));
  const struckBy = (strike: () => () => void): Side => {
    return { client, whole: () => sentinel.whole(), strike: async () => strike() };
  };
  try {
    const machines = await inTurns('machine killed', rounds, {
      ours: argosy.struckBy(() => argosy.killPrimary()),
      theirs: struckBy(() => sentinel.killMachine(client.place)),
      peer: 'Sentinel',
    });
    const servers = await inTurns('server killed', rounds, {
      ours: argosy.struckBy(() => argosy.killServer()),
      theirs: struckBy(() => sentinel.killServer(client.place)),
      peer: 'Sentinel',
    });
    await Promise.all([argosy.client.end(), client.end()]);
    const [own, others] = [await argosy.client.check(), await client.check()];
    const rows = [
      besideRow(`${MACHINE}, ms without an acknowledged write`, machines, BAR),
      worstRow('the same, p99, ms', machines),
      besideRow(`${SERVER}, ms without an acknowledged write`, servers, BAR),
      worstRow('the same, p99, ms', servers),
      // Neither promises none: both answer before a replica has the write.
      { figure: 'acknowledged writes', argosy: own.acknowledged, sentinel: others.acknowledged },
      { figure: 'of these lost', argosy: own.lost.length, sentinel: others.lost.length },
    ];
    const samples = JSON.stringify({ machines, servers });
    const notes = { ...TIMES, rounds, node: process.version, samples, configuration: sentinel.configuration };
    return { name: 'redis', rows, notes, failures: missedOf(rows) };
  } finally {
    await client.end();
  }
}

function worstRow(figure: string, pairs: readonly Pair[]) {
  const [own, others] = [pairs.map(({ ours }) => ours), pairs.map(({ theirs }) => theirs)];
  return { figure, argosy: percentiles(own), sentinel: percentiles(others) };
}
