// The product's promise, with real processes: the primary's machine dies, then the whole region of the next one, and each
// time another voter takes the writes by itself, has every one that was acknowledged, and the dead come back as replicas.
import test, { type ExecutionContext } from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type Credentials, type MemberView, Tenant } from '../crash-matrix/tenant.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { clusterOf, whole } from './clusters.ts';
import { Guests } from './guests.ts';
import { Writer } from './writer.ts';

const NAME = 'demo';
const TEST_LIMIT_MS = 240_000;
/** Generous: the machine of the test may do much else. */
const FAILOVER_LIMIT_MS = 30_000;
const WRITES_BEFORE = 50;
const HIDDEN_MS = 3_000;

interface Scene {
  readonly t: ExecutionContext;
  readonly tenant: Tenant;
  readonly writer: Writer;
}

test('a primary dies, its region dies, its machine freezes: no acknowledged write is lost, and each returns as a replica', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const federation = await FederationUnderTest.start();
  t.teardown(() => federation.stop(!t.passed));
  const { home } = federation;
  const [tenant, guests] = [new Tenant(home), new Guests(home)];
  const accepted = await tenant.change('POST', '/v2/clusters/demo/credentials', {});
  await whole(tenant, NAME, { epoch: 1 });
  const uri = (await clusterOf(tenant, NAME)).endpoints.read_write ?? '';
  const writer = new Writer(home, uri, accepted?.credentials as Credentials);
  t.teardown(() => writer.end());
  const scene = { t, tenant, writer };

  await failsOver(scene, 'primary killed', ({ id }) => guests.cutPower(({ memberId }) => memberId === id));
  await failsOver(scene, 'region killed', ({ region }) => guests.cutRegion(region));
  await failsOver(scene, 'primary frozen', ({ id }) => guests.freeze(id));
  await staysAsItIs(scene, (region) => guests.hideRegion(region));

  const missing = await writer.missing();
  t.deepEqual(missing, []);
  t.log(`${writer.acknowledged.length} acknowledged writes, ${missing.length} lost`);
  for (const { at, kind, message } of await told(tenant)) t.log(`${at} ${kind} ${message}`);
});

/** What an operator is told of it. */
async function told(tenant: Tenant): Promise<{ at: string; kind: string; message: string }[]> {
  const { body } = await tenant.ask('GET', '/v2/events?limit=1000');
  const { events } = body as { events: { at: string; kind: string; message: string }[] };
  return events.filter(({ kind }) =>
    /^(primary|failover|cluster\.failover|members|member\.(diverged|rejoined))/.test(kind),
  );
}

async function failsOver({ t, tenant, writer }: Scene, what: string, kill: (primary: MemberView) => () => void) {
  const before = await clusterOf(tenant, NAME);
  const primary = before.members.find(({ role }) => role === 'primary') as MemberView;
  const begin = writer.acknowledged.length;
  await waitUntil(
    'writes are acknowledged',
    FAILOVER_LIMIT_MS,
    () => writer.acknowledged.length > begin + WRITES_BEFORE,
  );

  const giveBack = kill(primary);
  const killedMs = performance.now();
  const isWritten = (): boolean => (writer.acknowledged.at(-1)?.atMs ?? 0) > killedMs + 200;
  await waitUntil('another member takes writes', FAILOVER_LIMIT_MS, isWritten);
  t.log(`${what}: RTO ${writer.longestPauseMs(killedMs)} ms as the writer saw it`);
  const after = await clusterOf(tenant, NAME);
  t.not(after.members.find(({ role }) => role === 'primary')?.id, primary.id);
  t.true(after.epoch > before.epoch);

  const returnedMs = performance.now();
  giveBack();
  await whole(tenant, NAME, { epoch: after.epoch });
  t.log(`${what}: whole again ${Math.round(performance.now() - returnedMs)} ms after its return`);
  const again = (await clusterOf(tenant, NAME)).members.find(({ id }) => id === primary.id);
  t.like(again, { role: 'replica', status: 'UP' });
}

/** What only the gateway has lost sight of is left alone. */
async function staysAsItIs({ t, tenant, writer }: Scene, hide: (region: string) => () => void): Promise<void> {
  const { epoch, members } = await clusterOf(tenant, NAME);
  const region = members.find(({ role }) => role === 'primary')?.region ?? '';
  const hiddenMs = performance.now();
  const show = hide(region);
  try {
    const isSuspected = async (): Promise<boolean> =>
      (await told(tenant)).some(({ message }) => message.endsWith(': nothing is changed.'));
    await waitUntil('the primary is suspected', FAILOVER_LIMIT_MS, isSuspected);
    await new Promise<void>((resolve) => setTimeout(resolve, HIDDEN_MS));
  } finally {
    show();
  }
  await whole(tenant, NAME, { epoch: 1 });
  t.is((await clusterOf(tenant, NAME)).epoch, epoch);
  t.log(`region hidden from the gateway: longest pause ${writer.longestPauseMs(hiddenMs)} ms`);
}
