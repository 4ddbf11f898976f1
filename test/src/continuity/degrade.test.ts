// A quorum cluster of two voters and an arbiter whose tenant chose fewer copies rather than none, as real processes: the
// region of the other voter is lost, then that of the primary, and writes go on each time; none that was acknowledged is
// missing, and whoever returns counts again.
import test from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type Credentials, Tenant } from '../crash-matrix/tenant.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { clusterOf, primaryOf, whole } from './clusters.ts';
import { Guests } from './guests.ts';
import { Writer } from './writer.ts';

const NAME = 'degrading';
const TEST_LIMIT_MS = 240_000;
/** Generous: the machine of the test may do much else. */
const STEP_LIMIT_MS = 90_000;
const WRITES = 50;

test('two regions that degrade: either is lost and writes go on, with none lost, and it counts again on its return', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const federation = await FederationUnderTest.start();
  t.teardown(() => federation.stop(!t.passed));
  const { home } = federation;
  const [tenant, guests] = [new Tenant(home), new Guests(home)];
  const cluster = {
    ...{ name: NAME, datastore: { type: 'postgresql' } },
    ...{ topology: { voters: 2, arbiters: 1 }, placement: { survive: 'region' } },
    durability: { mode: 'quorum', on_loss: 'degrade' },
  };
  const accepted = await tenant.change('POST', '/v2/clusters', { cluster });
  const made = await whole(tenant, NAME, { epoch: 1, limitMs: STEP_LIMIT_MS });
  const writer = new Writer(home, made.endpoints.read_write ?? '', accepted?.credentials as Credentials);
  t.teardown(() => writer.end());
  const more = async (what: string): Promise<void> => {
    const begin = writer.acknowledged.length;
    await waitUntil(what, STEP_LIMIT_MS, () => writer.acknowledged.length >= begin + WRITES);
  };

  for (const whose of ['replica', 'primary'] as const) {
    const before = await whole(tenant, NAME, { limitMs: STEP_LIMIT_MS });
    const lost = before.members.find(({ kind, role }) => kind === 'voter' && role === whose);
    if (lost === undefined) throw new Error(`The cluster has no ${whose}.`);
    await more('writes come');
    const giveBack = guests.cutRegion(lost.region);
    const cutMs = performance.now();
    const isWritten = (): boolean => (writer.acknowledged.at(-1)?.atMs ?? 0) > cutMs + 1_000;
    await waitUntil(`writes go on without the ${whose}`, STEP_LIMIT_MS, isWritten);
    await more('more writes come');
    t.log(`region of the ${whose} killed: ${writer.longestPauseMs(cutMs)} ms without an acknowledged write`);
    const degraded = await clusterOf(tenant, NAME);
    t.not(primaryOf(degraded).id, whose === 'primary' ? lost.id : '');
    t.is(degraded.epoch, whose === 'primary' ? before.epoch + 1 : before.epoch);

    giveBack();
    const after = await whole(tenant, NAME, { limitMs: STEP_LIMIT_MS });
    t.deepEqual(await writer.lost(), [], `after the loss of the ${whose}`);
    t.is(after.members.filter(({ role }) => role === 'replica').length, 1);
  }
  const { body } = await tenant.ask('GET', '/v2/events?limit=1000');
  const { events } = body as { events: { at: string; kind: string; message: string; cluster_id: string | null }[] };
  const told = events.filter(({ kind, cluster_id }) => cluster_id === made.id && /degraded|failover|rule/.test(kind));
  for (const { at, kind, message } of told) t.log(`${at} ${kind} ${message}`);
  t.true(told.some(({ kind }) => kind === 'cluster.degraded'));
  t.deepEqual(await writer.missing(), []);
  t.log(`${writer.acknowledged.length} acknowledged writes, none lost`);
});
