// Whether regions reach each other is measured, shown, and counts when members are placed. The links are real: each
// region is in a network namespace of its own, and the members of one are dialled at other addresses than they bind:
// certificates are of names, so that nobody minds.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { networkControl } from '@argosy/gateway';
import test from 'ava';
import { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { type ClusterView, Tenant } from '../crash-matrix/tenant.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { argosy } from './command-line.ts';

const TEST_LIMIT_MS = 240_000;
const MEASURE_LIMIT_MS = 60_000;
const DELAY_MS = 300;

interface Ways {
  readonly regions: readonly {
    readonly name: string;
    readonly ways: readonly { readonly region: string; readonly reachable: boolean; readonly round_trip_ms?: number }[];
  }[];
}

const real = process.getuid?.() === 0 ? test : test.skip;

real(
  'a pair of regions that cannot reach each other is shown, and refused by name; a slow one shows its round trip (needs root)',
  async (t) => {
    t.timeout(TEST_LIMIT_MS);
    const federation = await FederationUnderTest.start(['--netns', '--translate', 'north']);
    t.teardown(() => federation.stop(!t.passed));
    const { home } = federation;
    const tenant = new Tenant(home);
    const file = JSON.parse(readFileSync(join(home, 'federation.json'), 'utf8')) as { network: { control: string } };
    const network = networkControl(file.network.control);
    const { members } = ((await tenant.ask('GET', '/v2/clusters/demo')).body as { cluster: ClusterView }).cluster;
    t.is(members.length, 3);
    t.true(members.every(({ status }) => status === 'UP'));
    t.regex(members.find(({ region }) => region === 'north')?.address ?? '', /^198\.1[89]\.\d+\.138$/);

    const way = async (from: string, to: string) => {
      const { regions } = (await tenant.ask('GET', '/v2/regions')).body as Ways;
      return regions.find(({ name }) => name === from)?.ways.find(({ region }) => region === to);
    };
    await waitUntil('every way is measured', MEASURE_LIMIT_MS, async () => {
      const { regions } = (await tenant.ask('GET', '/v2/regions')).body as Ways;
      return regions.every(({ ways }) => ways.length === 2 && ways.every(({ reachable }) => reachable));
    });

    await network.put('test', { faults: [{ from: 'south', to: 'west', effect: 'cut' }] });
    await waitUntil('neither end reaches the other', MEASURE_LIMIT_MS, async () => {
      return (await way('south', 'west'))?.reachable === false && (await way('west', 'south'))?.reachable === false;
    });
    t.is((await way('north', 'west'))?.reachable, true);
    const refused = await create(tenant);
    t.is(refused.status, 409);
    t.regex(JSON.stringify(refused.body), /placement\.infeasible.*south and west cannot reach each other/);
    const shown = await argosy(home, 'demo', 'region', 'list');
    t.regex(shown.out, /from south .*unreachable/);
    t.log(shown.out);

    const slow = { from: 'north', to: 'south', effect: 'slow', delayMs: DELAY_MS } as const;
    await network.put('test', { faults: [slow] });
    await waitUntil('both ends reach each other again, the slow one slowly', MEASURE_LIMIT_MS, async () => {
      const isSlow = ((await way('north', 'south'))?.round_trip_ms ?? 0) >= DELAY_MS;
      return (
        isSlow && (await way('south', 'west'))?.reachable === true && (await way('west', 'south'))?.reachable === true
      );
    });
    t.is((await create(tenant)).status, 200);
    await network.heal('test');
  },
);

function create(tenant: Tenant) {
  const placement = { survive: 'region', regions: [] };
  const cluster = { name: 'shown', datastore: { type: 'postgresql' }, topology: { voters: 3 }, placement };
  return tenant.ask('POST', '/v2/clusters?dry_run=true', { body: { cluster } });
}
