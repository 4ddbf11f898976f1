// A Redis cluster of three regions as real processes: it is made by the same way as any, hands over, loses the region of
// its primary, goes on with every write that is older than the bound, and is deleted without a trace.
import { readFileSync } from 'node:fs';
import { fixtures, type TenantClient } from '@argosy/datastores/contract';
import test, { type ExecutionContext } from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type Credentials, Tenant } from '../crash-matrix/tenant.ts';
import { findGuests, readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { clusterOf, primaryOf, whole } from './clusters.ts';
import { Guests } from './guests.ts';
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
  const writer = new NumberWriter(home, tenant, accepted?.credentials as Credentials);
  await writer.write(WRITES);

  const { username, password } = writer.credentials;
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

/** Writes numbers to whoever takes them, each until it is acknowledged. */
class NumberWriter {
  readonly acknowledged: { readonly number: number; readonly atMs: number }[] = [];
  readonly credentials: Credentials;
  readonly #tenant: Tenant;
  readonly #login: { readonly user: string; readonly password: string; readonly root: string };
  #client: TenantClient | undefined;
  #next = 1;

  constructor(home: string, tenant: Tenant, credentials: Credentials) {
    const { username: user, password } = credentials;
    this.credentials = credentials;
    this.#tenant = tenant;
    this.#login = { user, password, root: readFileSync(readFederation(home).ca, 'utf8') };
  }

  async write(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    await waitUntil(`${count} writes are acknowledged`, LIMIT_MS, async () => {
      await this.#writeUpTo(goal).catch(() => this.close());
      return this.acknowledged.length >= goal;
    });
  }

  async missing(): Promise<{ readonly number: number; readonly atMs: number }[]> {
    const there = new Set(await (await this.#connected()).numbers());
    return this.acknowledged.filter(({ number }) => !there.has(number));
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #writeUpTo(goal: number): Promise<void> {
    const client = await this.#connected();
    while (this.acknowledged.length < goal) {
      const number = this.#next++;
      await client.write(number);
      this.acknowledged.push({ number, atMs: performance.now() });
    }
  }

  /** Of all members the one that the cluster calls its primary. */
  async #connected(): Promise<TenantClient> {
    if (this.#client !== undefined) return this.#client;
    const { address } = primaryOf(await clusterOf(this.#tenant, NAME));
    const fixture = fixtures.redis;
    if (fixture === undefined) throw new Error('There is no fixture of Redis.');
    this.#client = await fixture.connect({ ...this.#login, address: address ?? '', port: fixture.port });
    return this.#client;
  }
}
