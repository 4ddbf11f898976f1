// A Redis cluster of three regions as real processes: it is made by the same way as any, hands over, loses the region of
// its primary, goes on with every write that is older than the bound, and is deleted without a trace.
import { readFileSync } from 'node:fs';
import { type EngineFixture, fixtures } from '@argosy/datastores/contract';
import test, { type ExecutionContext } from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type Credentials, Tenant } from '../crash-matrix/tenant.ts';
import { findGuests, readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { clusterOf, primaryOf, whole } from './clusters.ts';
import { Guests } from './guests.ts';
import { NumberWriter } from './number-writer.ts';
import { type StockClient, stockClients } from './stock-redis-clients.ts';

const NAME = 'cache';
const TEST_LIMIT_MS = 240_000;
/** The engine may have to be fetched first. */
const MADE_LIMIT_MS = 120_000;
const LIMIT_MS = 60_000;
const WRITES = 50;
const ANSWERS = 10;
const MS_PER_SECOND = 1_000;
const RPO_SECONDS = 2;

test('redis: three regions, a switchover, a lost region: what was acknowledged before the bound is there', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const federation = await FederationUnderTest.start();
  t.teardown(() => federation.stop(!t.passed));
  const { home } = federation;
  const [tenant, guests] = [new Tenant(home), new Guests(home)];
  const cluster = {
    ...{ name: NAME, datastore: { type: 'redis' }, placement: { survive: 'region' } },
    durability: { rpo_seconds: RPO_SECONDS },
  };
  const accepted = await tenant.change('POST', '/v2/clusters', { cluster });
  const made = await whole(tenant, NAME, { epoch: 1, limitMs: MADE_LIMIT_MS });
  const credentials = accepted?.credentials as Credentials;
  const writer = new NumberWriter({ home, tenant, name: NAME, fixture: fixtures.redis as EngineFixture, credentials });
  await writer.write(WRITES);

  const { username, password } = credentials;
  const ca = readFileSync(readFederation(home).ca, 'utf8');
  const addresses = made.members.flatMap(({ address }) => address ?? []);
  const clients = await stockClients(addresses, { username, password, ca });
  t.teardown(() => Promise.all(clients.map((client) => client.end())));
  await goOn(t, clients, 'as Sentinels say');

  const before = await clusterOf(tenant, NAME);
  const target = before.members.find(({ role }) => role !== 'primary');
  await tenant.change('POST', `/v2/clusters/${NAME}/switchover`, { to: target?.id });
  const switched = await whole(tenant, NAME, { epoch: 2, limitMs: LIMIT_MS });
  t.is(primaryOf(switched).id, target?.id ?? '');
  await writer.write(WRITES);
  t.deepEqual(await writer.missing(), [], 'a switchover loses nothing');
  await goOn(t, clients, 'after the switchover');

  const beforeMs = performance.now();
  const giveBack = guests.cutRegion(primaryOf(switched).region);
  await writer.write(1);
  t.log(`region killed: RTO ${Math.round(performance.now() - beforeMs)} ms as the writer saw it`);
  await goOn(t, clients, 'after the failover');
  giveBack();
  const after = await whole(tenant, NAME, { epoch: 3, limitMs: LIMIT_MS });
  t.not(primaryOf(after).id, target?.id ?? '');
  await writer.write(WRITES);
  const lost = await writer.missing();
  t.deepEqual(
    lost.filter(({ atMs }) => atMs < beforeMs - RPO_SECONDS * MS_PER_SECOND),
    [],
  );
  t.log(`${writer.acknowledged.length} acknowledged writes, ${lost.length} lost`);
  writer.close();
  await Promise.all(clients.map((client) => client.end()));

  await tenant.change('DELETE', `/v2/clusters/${NAME}`);
  await waitUntil('the cluster is gone', LIMIT_MS, async () => (await tenant.cluster(NAME)) === undefined);
  t.deepEqual(
    findGuests(home).filter(({ memberId }) => memberId?.startsWith(after.id) === true),
    [],
  );
});

/** Each stock client is answered by whoever leads now. */
async function goOn(t: ExecutionContext, clients: readonly StockClient[], when: string): Promise<void> {
  const beginMs = performance.now();
  for (const client of clients) {
    const goal = client.answers + ANSWERS;
    await waitUntil(
      `${client.name} goes on ${when}`,
      LIMIT_MS,
      () => client.answers >= goal,
      () => client.lastError,
    );
    t.log(`${client.name} ${when}: ${Math.round(performance.now() - beginMs)} ms`);
  }
}
