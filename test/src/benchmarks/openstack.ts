// What Argosy adds to a real Heat: a cluster of three from the request to ACTIVE, beside the bare creation of the same
// three stacks, from the same templates and with the same guests, by somebody who asks each region's Heat at once. Both
// take turns, so that what else the machine does falls on both.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { Tenant } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { removeAll } from '../load/clusters.ts';
import { memberContent } from '../openstack/contents.ts';
import { RegionClient } from '../openstack/region-client.ts';
import { type BenchmarkResult, medianAndSpread, quantile } from './result.ts';

const ROUNDS = 5;
const MOST_TIMES = 2;
const ACTIVE_LIMIT_MS = 240_000;

interface Region {
  readonly name: string;
  readonly heat: RegionClient;
}

/** @throws Error when a cluster, or a bare stack, cannot be made */
export async function run(): Promise<BenchmarkResult> {
  const federation = await FederationUnderTest.start(['--openstack', '--requests-per-second', '10000']);
  try {
    const tenant = new Tenant(federation.home);
    const demo = await tenant.cluster('demo');
    if (demo !== undefined) await removeAll(federation, tenant, [demo]);
    const rounds: { argosy: number; bare: number }[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const bare = await createBare(await regionsOf(federation.home), federation.home, round);
      const argosy = await create(federation, tenant, round);
      // The first of each fills caches.
      if (round > 0) rounds.push({ argosy, bare });
    }
    return resultOf(rounds);
  } finally {
    await federation.stop();
  }
}

function resultOf(rounds: readonly { readonly argosy: number; readonly bare: number }[]): BenchmarkResult {
  const ratios = rounds.map(({ argosy, bare }) => argosy / bare);
  const times = medianAndSpread(ratios);
  const row = {
    what: 'three members on three real Heats, request to ACTIVE',
    argosy_s: medianAndSpread(rounds.map(({ argosy }) => argosy)),
    bare_stacks_s: medianAndSpread(rounds.map(({ bare }) => bare)),
    times,
    at_most: MOST_TIMES,
  };
  const isMissed = quantile(ratios, 0.5) > MOST_TIMES;
  const failures = isMissed
    ? [`A create takes ${times.median} times as long as its bare stacks; at most ${MOST_TIMES}.`]
    : [];
  return { name: 'openstack', rows: [row], notes: { rounds: ROUNDS, node: process.version }, failures };
}

/** In seconds. */
async function create(federation: FederationUnderTest, tenant: Tenant, round: number): Promise<number> {
  const begin = performance.now();
  const wish = { datastore: { type: 'postgresql' }, topology: { voters: 3 }, placement: { survive: 'region' } };
  const accepted = await tenant.change('POST', '/v2/clusters', { cluster: { name: `round-${round}`, ...wish } });
  if (accepted === undefined) throw new Error('The cluster was not accepted.');
  await tenant.untilEnded(accepted.operation.id, ACTIVE_LIMIT_MS);
  const seconds = (performance.now() - begin) / 1_000;
  const cluster = await tenant.cluster(accepted.cluster.id);
  if (cluster?.status !== 'ACTIVE') throw new Error(`The cluster is ${cluster?.status}.`);
  await removeAll(federation, tenant, [cluster]);
  return seconds;
}

/** In seconds, until the last of them is made. */
async function createBare(regions: readonly Region[], home: string, round: number): Promise<number> {
  const begin = performance.now();
  const made = await Promise.allSettled(
    regions.map(async ({ name, heat }) => {
      const path = await heat.made(`bare-${round}`, contentOf(home, name, `bare-${round}`));
      const { stack_status: status, stack_status_reason: reason } = await heat.shown(path);
      if (status !== 'CREATE_COMPLETE') throw new Error(`The bare stack in ${name} is ${status}: ${reason}`);
      return path;
    }),
  );
  const seconds = (performance.now() - begin) / 1_000;
  for (const [index, result] of made.entries()) {
    if (result.status === 'rejected') throw result.reason;
    await regions[index]?.heat.removed(result.value);
  }
  return seconds;
}

/** The executors' own accounts, in the project where members are. */
async function regionsOf(home: string): Promise<readonly Region[]> {
  const found: Region[] = [];
  for (const { name, identity } of readFederation(home).regions) {
    const file = join(home, 'processes', `executor-${name}`, 'config.json');
    const { openstack } = JSON.parse(readFileSync(file, 'utf8')) as { openstack: { password: string } };
    const keystoneUrl = identity.replace(/\/v3$/, '');
    found.push({ name, heat: await RegionClient.signIn({ keystoneUrl }, ['argosy', openstack.password, 'service']) });
  }
  return found;
}

/** What the executor would send, for a member of no cluster: its guest boots and waits to be enrolled. */
function contentOf(home: string, region: string, cluster: string): object {
  const { federation, ca } = JSON.parse(readFileSync(join(home, 'federation.json'), 'utf8')) as Record<string, string>;
  const member = `${cluster}-1`;
  return memberContent({
    ...{ member_id: member, cluster_id: cluster, availability_zone: `${region}-a`, image: 'argosy' },
    network_name: 'argosy',
    user_data: JSON.stringify({
      ...{ federation, region, cluster_id: cluster, member_id: member, kind: 'voter' },
      ...{ datastore: 'postgresql', version: '15', datastore_port: 5432 },
      executor: `spiffe://${federation}/${region}/executor`,
      root_certificate: readFileSync(ca ?? '', 'utf8'),
      enrolment_token: randomBytes(32).toString('hex'),
    }),
  });
}
