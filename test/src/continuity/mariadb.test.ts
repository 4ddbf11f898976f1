// A MariaDB cluster of three regions as real processes, with a writer beside it from the first moment to the last: it is
// made by the same way as any, hands over, loses the region of its primary, takes other parameters, grows, shrinks, has
// users and databases, and is deleted without a trace. No acknowledged write may be missing at any time.
import { type EngineFixture, fixtures } from '@argosy/datastores/contract';
import test, { type ExecutionContext } from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type Credentials, Tenant } from '../crash-matrix/tenant.ts';
import { findGuests } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { argosy } from '../regions/command-line.ts';
import { clusterOf, primaryOf, whole } from './clusters.ts';
import { Guests } from './guests.ts';
import { NumberWriter } from './number-writer.ts';

const NAME = 'shop';
const TEST_LIMIT_MS = 480_000;
/** The engine may have to be fetched first. */
const MADE_LIMIT_MS = 180_000;
const LIMIT_MS = 90_000;
const WRITES = 50;

interface Scene {
  readonly t: ExecutionContext;
  readonly home: string;
  readonly tenant: Tenant;
  readonly guests: Guests;
  readonly writer: NumberWriter;
}

test('mariadb: three regions, a switchover, a lost region, other parameters and sizes: every acknowledged write is there', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const federation = await FederationUnderTest.start();
  t.teardown(() => federation.stop(!t.passed));
  const { home } = federation;
  const tenant = new Tenant(home);
  const cluster = { name: NAME, datastore: { type: 'mariadb' }, placement: { survive: 'region' } };
  const beginMs = performance.now();
  const accepted = await tenant.change('POST', '/v2/clusters', { cluster });
  await whole(tenant, NAME, { epoch: 1, limitMs: MADE_LIMIT_MS });
  t.log(`made in ${Math.round(performance.now() - beginMs)} ms`);
  const credentials = accepted?.credentials as Credentials;
  const fixture = fixtures.mariadb as EngineFixture;
  const writer = new NumberWriter({ home, tenant, name: NAME, fixture, credentials });
  t.teardown(() => writer.stop());
  writer.start();
  const scene = { t, home, tenant, guests: new Guests(home), writer };

  await writer.write(WRITES);
  await switchover(scene);
  await loseRegion(scene);
  await beside(scene, 'a live parameter', 'parameter', 'set', NAME, 'max_heap_table_size=32MB');
  await beside(scene, 'one with a restart', 'parameter', 'set', NAME, 'innodb_ft_min_token_size=2');
  await beside(scene, 'one member more', 'cluster', 'grow', NAME, '--replicas', '1');
  await beside(scene, 'one member less', 'cluster', 'shrink', NAME, '--replicas', '0');
  await beside(scene, 'a database', 'database', 'create', NAME, 'goods_1');
  await beside(scene, 'a user', 'user', 'create', NAME, 'app', '--grant', 'goods_1=write');
  await beside(scene, 'no user', 'user', 'delete', NAME, 'app');
  await beside(scene, 'no database', 'database', 'delete', NAME, 'goods_1');
  const five = await argosy(home, 'demo', 'cluster', 'grow', NAME, '--voters', '5');
  t.regex(five.error, /at most 3: MariaDB waits for one replica and has no count/);
  await writer.stop();
  t.deepEqual(await writer.missing(), []);
  t.log(`${writer.acknowledged.length} acknowledged writes, 0 lost`);
  writer.close();

  const { id } = await clusterOf(tenant, NAME);
  await tenant.change('DELETE', `/v2/clusters/${NAME}`);
  await waitUntil('the cluster is gone', LIMIT_MS, async () => (await tenant.cluster(NAME)) === undefined);
  t.deepEqual(
    findGuests(home).filter(({ memberId }) => memberId?.startsWith(id) === true),
    [],
  );
});

async function switchover(scene: Scene): Promise<void> {
  const { t, tenant } = scene;
  const target = (await clusterOf(tenant, NAME)).members.find(({ role }) => role !== 'primary')?.id ?? '';
  await beside(scene, 'a switchover', 'cluster', 'switchover', NAME, '--to', target);
  t.is(primaryOf(await whole(tenant, NAME, { epoch: 2, limitMs: LIMIT_MS })).id, target);
}

async function loseRegion({ t, tenant, guests, writer }: Scene): Promise<void> {
  const lost = primaryOf(await clusterOf(tenant, NAME));
  const beforeMs = performance.now();
  const giveBack = guests.cutRegion(lost.region);
  await writer.write(WRITES);
  t.log(`region lost: RTO ${Math.round(writer.longestGapMs(beforeMs))} ms as the writer saw it`);
  t.deepEqual(await writer.missing(), [], 'a failover loses nothing');
  giveBack();
  const after = await whole(tenant, NAME, { epoch: 3, limitMs: LIMIT_MS });
  t.not(primaryOf(after).id, lost.id);
  t.is(after.members.find(({ id }) => id === lost.id)?.status, 'UP', 'it is a member again');
  t.deepEqual(await writer.missing(), []);
}

/** A command to its end, while writes are acknowledged before and after. */
async function beside({ t, home, tenant, writer }: Scene, what: string, ...words: readonly string[]): Promise<void> {
  const beforeMs = performance.now();
  const said = await argosy(home, 'demo', ...words, '--wait');
  const tookMs = Math.round(performance.now() - beforeMs);
  await writer.write(WRITES);
  t.is(said.code, 0, `${what}: ${said.out}${said.error}`);
  const gapMs = Math.round(writer.longestGapMs(beforeMs));
  t.log(`${what}: ${tookMs} ms, at most ${gapMs} ms without an acknowledgement`);
  await whole(tenant, NAME, { limitMs: LIMIT_MS });
  t.deepEqual(await writer.missing(), [], what);
}
