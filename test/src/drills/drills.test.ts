// Drills on real processes: the region that holds the primary and the leader dies with all that runs there, and the drill
// goes on; then a primary crashes while every gateway peer is killed in the middle of the drill. What a second, outside
// client sees must be what the drill's own writer has told.
import test, { type ExecutionContext } from 'ava';
import { primaryOf, whole } from '../continuity/clusters.ts';
import { outsideClient } from '../continuity/outside-client.ts';
import type { RetryingClient } from '../continuity/retrying-client.ts';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { Tenant } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';

const NAME = 'demo';
const TEST_LIMIT_MS = 400_000;
const DRILL_LIMIT_MS = 180_000;
const WHOLE_LIMIT_MS = 120_000;
/** Generous: the machine of the test may do much else. */
const NEAR_MS = 1_500;

interface DrillView {
  readonly id: string;
  readonly status: string;
  readonly phase: string | null;
  readonly report: {
    readonly rto_ms: number | null;
    readonly lost_writes: number | null;
    readonly doubled_writes: number | null;
    readonly acknowledged_writes: number;
    readonly verdict: string;
    readonly reasons: readonly string[];
  } | null;
}

test.serial(
  'a drill outlives the region, the leader and every gateway peer that it or others kill, and tells what a client sees',
  async (t) => {
    t.timeout(TEST_LIMIT_MS);
    const federation = await FederationUnderTest.start();
    t.teardown(() => federation.stop(!t.passed));
    const tenant = new Tenant(federation.home);
    const client = await bystander(tenant, federation.home);
    t.teardown(() => client.end());

    const { region } = primaryOf(await whole(tenant, NAME, { limitMs: WHOLE_LIMIT_MS }));
    const begin = performance.now();
    const outage = await run(t, tenant, {
      kind: 'region-outage',
      cluster: 'demo',
      region,
      live: true,
      outage_seconds: 10,
    });
    const seenMs = client.longestPauseMs(begin);
    t.log(`region-outage: the drill's RTO ${outage.report?.rto_ms} ms, an outside client's ${seenMs} ms`);
    t.true(Math.abs((outage.report?.rto_ms ?? 0) - seenMs) < NEAR_MS);

    await whole(tenant, NAME, { limitMs: WHOLE_LIMIT_MS });
    const crash = await run(t, tenant, { kind: 'primary-crash', cluster: 'demo', outage_seconds: 5 }, (view) => {
      if (view.phase !== 'watching') return false;
      for (const { pid } of readFederation(federation.home).peers) if (pid !== null) process.kill(pid, 'SIGKILL');
      return true;
    });
    t.log(`primary-crash with every peer killed: RTO ${crash.report?.rto_ms} ms`);
    await client.end();
    const { lost, doubled } = await client.check();
    t.deepEqual([lost, doubled], [[], []]);
  },
);

// Needs root: each region is in a network namespace of its own.
const real = process.getuid?.() === 0 ? test.serial : test.serial.skip;
real('a drill cuts the region of the primary off without a word, and heals it', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const federation = await FederationUnderTest.start(['--netns']);
  t.teardown(() => federation.stop(!t.passed));
  const tenant = new Tenant(federation.home);
  const client = await bystander(tenant, federation.home);
  t.teardown(() => client.end());

  const before = await whole(tenant, NAME, { limitMs: WHOLE_LIMIT_MS });
  const { region, id } = primaryOf(before);
  const begin = performance.now();
  const drill = { kind: 'region-outage', cluster: NAME, region, how: 'cut_off', outage_seconds: 10 };
  const { report } = await run(t, tenant, drill);
  const seenMs = client.longestPauseMs(begin);
  t.log(`region cut off: the drill's RTO ${report?.rto_ms} ms, an outside client's ${seenMs} ms`);
  t.true(Math.abs((report?.rto_ms ?? 0) - seenMs) < NEAR_MS);
  const after = await whole(tenant, NAME, { limitMs: WHOLE_LIMIT_MS });
  t.true(after.epoch > before.epoch && primaryOf(after).id !== id);
  await client.end();
  const { lost, doubled } = await client.check();
  t.deepEqual([lost, doubled], [[], []]);
});

/** What nobody tells of the drill. */
async function bystander(tenant: Tenant, home: string): Promise<RetryingClient> {
  const accepted = await tenant.change('POST', `/v2/clusters/${NAME}/credentials`, {});
  if (accepted?.credentials === undefined) throw new Error('No password was told.');
  return outsideClient(home, await whole(tenant, NAME, { limitMs: WHOLE_LIMIT_MS }), accepted.credentials);
}

async function run(
  t: ExecutionContext,
  tenant: Tenant,
  drill: object,
  disturb: (view: DrillView) => boolean = () => true,
): Promise<DrillView> {
  const { body } = await tenant.ask('POST', '/v2/drills', { body: { drill } });
  const begun = (body as { drill?: DrillView }).drill;
  if (begun === undefined) throw new Error(`The drill did not begin: ${JSON.stringify(body)}`);
  const { id } = begun;
  let isDisturbed = false;
  let last: DrillView | undefined;
  const hasEnded = async (): Promise<boolean> => {
    const { body: shown } = await tenant.ask('GET', `/v2/drills/${id}`);
    last = (shown as { drill: DrillView }).drill;
    if (!isDisturbed) isDisturbed = disturb(last);
    return last.status !== 'RUNNING';
  };
  await waitUntil('the drill has ended', DRILL_LIMIT_MS, hasEnded, () => JSON.stringify(last));
  t.true(isDisturbed);
  t.is(last?.status, 'DONE');
  t.like(last?.report, { lost_writes: 0, doubled_writes: 0 });
  t.true((last?.report?.acknowledged_writes ?? 0) > 0);
  return last as DrillView;
}
