// An asynchronous cluster in two regions with an arbiter in a third, as real processes: the primary's whole region dies,
// the other takes the writes by itself once nobody can acknowledge there any more, and what is lost is no older than the
// bound; the dead member comes back, and tells what it had too much.
import test from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type Credentials, Tenant } from '../crash-matrix/tenant.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { clusterOf, primaryOf, whole } from './clusters.ts';
import { Guests } from './guests.ts';
import { Writer } from './writer.ts';

const NAME = 'ledger';
const TEST_LIMIT_MS = 240_000;
/** Generous: the machine of the test may do much else. */
const MADE_LIMIT_MS = 90_000;
const FAILOVER_LIMIT_MS = 60_000;
const WRITES_BEFORE = 50;
const RPO_SECONDS = 2;
/** Between an answer and its being seen here. */
const SEEN_MS = 100;

test('two regions and an arbiter: what a failover loses is no older than the bound, and each side comes back', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const federation = await FederationUnderTest.start();
  t.teardown(() => federation.stop(!t.passed));
  const { home } = federation;
  const [tenant, guests] = [new Tenant(home), new Guests(home)];
  const cluster = {
    ...{ name: NAME, datastore: { type: 'postgresql' } },
    ...{ topology: { voters: 2, arbiters: 1 }, placement: { survive: 'region' } },
    durability: { mode: 'async', rpo_seconds: RPO_SECONDS },
  };
  const accepted = await tenant.change('POST', '/v2/clusters', { cluster });
  const made = await whole(tenant, NAME, { epoch: 1, limitMs: MADE_LIMIT_MS });
  t.deepEqual(made.members.map(({ kind }) => kind).sort(), ['arbiter', 'voter', 'voter']);
  const writer = new Writer(home, made.endpoints.read_write ?? '', accepted?.credentials as Credentials);
  t.teardown(() => writer.end());

  for (const what of ['region killed', 'the other region killed']) {
    const before = await clusterOf(tenant, NAME);
    const primary = primaryOf(before);
    const begin = writer.acknowledged.length;
    await waitUntil('writes come', FAILOVER_LIMIT_MS, () => writer.acknowledged.length > begin + WRITES_BEFORE);
    const giveBack = guests.cutRegion(primary.region);
    const killedMs = performance.now();
    const isWritten = (): boolean => (writer.acknowledged.at(-1)?.atMs ?? 0) > killedMs + 200;
    await waitUntil('the other takes writes', FAILOVER_LIMIT_MS, isWritten);
    t.log(`${what}: RTO ${writer.longestPauseMs(killedMs)} ms as the writer saw it`);
    giveBack();
    const after = await whole(tenant, NAME, { epoch: before.epoch + 1, limitMs: FAILOVER_LIMIT_MS });
    t.not(primaryOf(after).id, primary.id);
    const lost = await writer.lost();
    const oldest = lost.filter(({ atMs }) => atMs < killedMs - RPO_SECONDS * 1_000 - SEEN_MS);
    t.deepEqual(oldest, []);
    t.log(`${what}: ${writer.acknowledged.length} acknowledged writes, ${lost.length} lost`);
  }
  const { body } = await tenant.ask('GET', '/v2/events?limit=1000');
  const { events } = body as { events: { at: string; kind: string; message: string; cluster_id: string | null }[] };
  const told = events.filter(
    ({ kind, cluster_id }) => cluster_id === made.id && /failover|rejoined|primary/.test(kind),
  );
  for (const { at, kind, message } of told) t.log(`${at} ${kind} ${message}`);
  const bounds = told.filter(({ message }) => message.includes(`of the last ${RPO_SECONDS} s`));
  t.is(bounds.length, 2);
});
