// Regions join and leave a federation that runs: a fourth one is signed, added, used, drained and removed, and nothing is
// started again for it.
import test, { type ExecutionContext } from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type ClusterView, Tenant } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { argosy } from './command-line.ts';
import { FourthRegion } from './fourth-region.ts';

const TEST_LIMIT_MS = 400_000;
const HEARD_LIMIT_MS = 60_000;
const MOVE_LIMIT_MS = 120_000;

interface RegionView {
  readonly name: string;
  readonly status: string;
  readonly detail?: string;
  readonly drained: boolean;
  readonly members: number;
  readonly zones: readonly { readonly name: string; readonly free_members: number }[];
  readonly ways: readonly { readonly region: string; readonly reachable: boolean; readonly round_trip_ms?: number }[];
}

test('a fourth region joins the running federation, takes a member, is drained and leaves', async (t) => {
  t.timeout(TEST_LIMIT_MS);
  const federation = await FederationUnderTest.start();
  const { home } = federation;
  const east = new FourthRegion(home);
  t.teardown(async () => {
    east.end();
    await federation.stop(!t.passed);
  });
  const tenant = new Tenant(home);
  const pids = (): unknown => readFederation(home).regions.map(({ pid }) => pid);
  const before = pids();

  await east.enrol();
  t.is(await say(t, home, 'region', 'add', east.name, '--executors', east.executor), 0);
  t.like(await shown(tenant, east.name), {
    status: 'UNREACHABLE',
    detail: 'It has not been heard of yet.',
    members: 0,
  });
  // Nobody needs it: a cluster is placed as ever.
  t.is((await dryRun(tenant)).status, 200);

  await east.start();
  await waitUntil('it is heard, and all ways to and from it are measured', HEARD_LIMIT_MS, async () => {
    const regions = await list(tenant);
    const [own, others] = [
      regions.find(({ name }) => name === east.name),
      regions.filter(({ name }) => name !== east.name),
    ];
    const reaches = (region: RegionView | undefined, name: string): boolean =>
      region?.ways.some((way) => way.region === name && way.reachable) === true;
    return own?.status === 'UP' && others.every((other) => reaches(own, other.name) && reaches(other, east.name));
  });
  t.deepEqual((await shown(tenant, east.name)).zones, [{ name: 'east-a', free_members: 5 }]);

  await moveDemo(t, tenant, ['north', 'south', east.name]);
  t.deepEqual(await regionsOfDemo(tenant), ['east', 'north', 'south']);
  t.is((await shown(tenant, east.name)).members, 1);

  t.is(await say(t, home, 'region', 'remove', east.name), 1);
  t.is(await say(t, home, 'region', 'drain', east.name), 0);
  t.like(await shown(tenant, east.name), { drained: true });
  const elsewhere = await dryRun(tenant, [east.name, 'north', 'south']);
  t.is(elsewhere.status, 409);

  await moveDemo(t, tenant, ['north', 'south', 'west']);
  t.is((await shown(tenant, east.name)).members, 0);
  t.is(await say(t, home, 'region', 'remove', east.name), 0);
  t.deepEqual(
    (await list(tenant)).map(({ name }) => name),
    ['north', 'south', 'west'],
  );
  t.deepEqual(pids(), before);
});

async function say(t: ExecutionContext, home: string, ...words: readonly string[]): Promise<number | null> {
  const { code, out, error } = await argosy(home, 'admin', ...words);
  t.log(`argosy ${words.slice(0, 3).join(' ')}: ${(out || error).trim()}`);
  return code;
}

async function list(tenant: Tenant): Promise<RegionView[]> {
  return ((await tenant.ask('GET', '/v2/regions')).body as { regions: RegionView[] }).regions;
}

async function shown(tenant: Tenant, name: string): Promise<RegionView> {
  return ((await tenant.ask('GET', `/v2/regions/${name}`)).body as { region: RegionView }).region;
}

function dryRun(tenant: Tenant, regions: readonly string[] = []) {
  const topology = { voters: 3 };
  const placement = { survive: 'region', regions };
  const cluster = { name: 'shown', datastore: { type: 'postgresql' }, topology, placement };
  return tenant.ask('POST', '/v2/clusters?dry_run=true', { body: { cluster } });
}

async function moveDemo(t: ExecutionContext, tenant: Tenant, regions: readonly string[]): Promise<void> {
  const { status, body } = await tenant.ask('PATCH', '/v2/clusters/demo', {
    body: { cluster: { placement: { regions } } },
  });
  t.is(status, 202, JSON.stringify(body));
  const { operation } = body as { operation: { id: string } };
  await waitUntil(`demo is in ${regions.join(', ')}`, MOVE_LIMIT_MS, async () => {
    const answer = await tenant.ask('GET', `/v2/operations/${operation.id}`);
    const found = (answer.body as { operation: { status: string; error: unknown } }).operation;
    if (found.status === 'FAILED') throw new Error(JSON.stringify(found.error));
    return found.status === 'DONE';
  });
}

async function regionsOfDemo(tenant: Tenant): Promise<string[]> {
  const { cluster } = (await tenant.ask('GET', '/v2/clusters/demo')).body as { cluster: ClusterView };
  return cluster.members.map(({ region }) => region).sort();
}
