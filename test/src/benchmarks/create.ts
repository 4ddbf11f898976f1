// A cluster of three from the request to ACTIVE, beside the same made by hand on the same machine by somebody who knows
// how, with a template and the fewest steps. Both take turns, so that what else the machine does falls on both.
import { execFile } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type ClusterView, Tenant } from '../crash-matrix/tenant.ts';
import { removeAll } from '../load/clusters.ts';
import { ByHand } from './by-hand.ts';
import { type BenchmarkResult, type Cell, medianAndSpread, quantile, roundsOr } from './result.ts';

const ROUNDS = 7;
const ACTIVE_LIMIT_MS = 120_000;
const SETTLE_MS = 1_000;

/** What a create may take, of the median of all rounds: so many times as long as by hand, or so many seconds more. */
interface Bar {
  readonly times?: number;
  readonly moreSeconds?: number;
}

const BARS: Readonly<Record<string, Bar>> = {
  postgresql: { times: 2 },
  redis: { moreSeconds: 2 },
  mariadb: { moreSeconds: 2 },
};

/** What `--datastore` can be; without it, all. */
export const datastores: readonly string[] = Object.keys(BARS);

interface Round {
  readonly argosy: number;
  readonly hand: number;
}

/** @throws Error when a cluster cannot be made in either way */
export async function run(wanted: readonly string[] = datastores): Promise<BenchmarkResult> {
  const federation = await FederationUnderTest.start(['--requests-per-second', '10000']);
  try {
    const tenant = new Tenant(federation.home);
    const demo = await tenant.cluster('demo');
    if (demo !== undefined) await removeAll(federation, tenant, [demo]);
    const rounds = roundsOr(ROUNDS);
    const rows: Record<string, Cell>[] = [];
    for (const datastore of wanted) {
      const made = await inTurns({ federation, tenant, datastore, rounds });
      rows.push(rowOf(datastore, made, BARS[datastore] ?? {}));
    }
    const missed = rows.filter(({ verdict }) => verdict === 'missed').map(({ what }) => `${what}: missed`);
    return { name: 'create', rows, notes: { rounds, node: process.version }, failures: missed };
  } finally {
    await federation.stop();
  }
}

interface Making {
  readonly federation: FederationUnderTest;
  readonly tenant: Tenant;
  readonly datastore: string;
  readonly rounds: number;
}

async function inTurns({ federation, tenant, datastore, rounds }: Making): Promise<Round[]> {
  const byHand = await ByHand.prepare(datastore);
  try {
    const made: Round[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      await settle();
      const hand = await byHand.create();
      await byHand.run('destroy');
      await settle();
      const { cluster, seconds } = await create(tenant, datastore, `round-${round}`);
      await removeAll(federation, tenant, [cluster]);
      // The first of each fills caches.
      if (round === 0) continue;
      made.push({ argosy: seconds, hand });
      process.stdout.write(`${datastore}, round ${round}: ${seconds.toFixed(2)} s, by hand ${hand.toFixed(2)} s\n`);
    }
    return made;
  } finally {
    await byHand.end();
  }
}

/** What the removal of the one before left to be done is none of the next one's. */
async function settle(): Promise<void> {
  await promisify(execFile)('sync');
  await setTimeout(SETTLE_MS);
}

function rowOf(datastore: string, rounds: readonly Round[], { times, moreSeconds }: Bar): Record<string, Cell> {
  const ratios = rounds.map(({ argosy, hand }) => argosy / hand);
  const differences = rounds.map(({ argosy, hand }) => argosy - hand);
  const isMet =
    (times === undefined || quantile(ratios, 0.5) <= times) &&
    (moreSeconds === undefined || quantile(differences, 0.5) <= moreSeconds);
  return {
    what: `${datastore}, three members, request to ACTIVE`,
    argosy_s: medianAndSpread(rounds.map(({ argosy }) => argosy)),
    by_hand_s: medianAndSpread(rounds.map(({ hand }) => hand)),
    times: medianAndSpread(ratios),
    more_s: medianAndSpread(differences),
    bar: times === undefined ? `at most ${moreSeconds} s more` : `at most ${times} times`,
    verdict: isMet ? 'met' : 'missed',
  };
}

async function create(
  tenant: Tenant,
  datastore: string,
  name: string,
): Promise<{ cluster: ClusterView; seconds: number }> {
  const begin = performance.now();
  const wish = { name, datastore: { type: datastore }, topology: { voters: 3 }, placement: { survive: 'region' } };
  const accepted = await tenant.change('POST', '/v2/clusters', { cluster: wish });
  if (accepted === undefined) throw new Error(`${name} was not accepted.`);
  // Told by the stream of events: to ask again and again would take the processor from what is waited for.
  await tenant.untilEnded(accepted.operation.id, ACTIVE_LIMIT_MS);
  const cluster = await tenant.cluster(accepted.cluster.id);
  const seconds = (performance.now() - begin) / 1_000;
  if (cluster?.status !== 'ACTIVE') throw new Error(`${name} is ${cluster?.status}.`);
  return { cluster, seconds };
}
