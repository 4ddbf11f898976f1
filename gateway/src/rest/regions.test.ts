import test from 'ava';
import { candidateSites } from '../conductor/observations.ts';
import { Federation } from '../state/federation.ts';
import { made, serve } from './server-for-tests.ts';

const EAST = { region: { name: 'east', executors: ['10.4.0.3:8792', '10.4.0.4:8792'] } };
const HEARD = { provider: 'x', jurisdiction: 'EU', status: 'UP', flavors: [] } as const;

test('a region joins: it is shown as not heard of, and the leader has a line to it', async (t) => {
  const { call, world } = await serve(t);

  const added = await call('admin', 'POST', '/v2/regions', EAST);
  const repeated = await call('admin', 'POST', '/v2/regions', EAST);
  const other = await call('admin', 'POST', '/v2/regions', { region: { ...EAST.region, executors: ['10.9.0.3:1'] } });

  t.is(added.status, 201);
  t.like(added.body.region, {
    name: 'east',
    status: 'UNREACHABLE',
    detail: 'It has not been heard of yet.',
    members: 0,
  });
  t.is(repeated.status, 201);
  t.like([other.status, other.body.error.title], [409, 'region.name_taken']);
  const configured = [{ name: 'north', executors: ['10.1.0.3:8792'] }];
  t.deepEqual(
    world.federation.ledRegions(configured).map(({ name }) => name),
    ['north', 'east'],
  );
});

test('only an administrator changes which regions there are; names and addresses are looked at', async (t) => {
  const { call } = await serve(t);

  t.is((await call('demo', 'POST', '/v2/regions', EAST)).status, 403);
  t.is((await call('demo', 'DELETE', '/v2/regions/east')).status, 403);
  t.is((await call('demo', 'POST', '/v2/regions/east/drain')).status, 403);
  for (const wrong of [
    { name: 'East', executors: ['10.4.0.3:1'] },
    { name: 'east', executors: [] },
    { name: 'east', executors: ['10.4.0.3'] },
    { ...EAST.region, keystone: 'http://10.4.0.4:5000' },
  ]) {
    t.is((await call('admin', 'POST', '/v2/regions', { region: wrong })).status, 400, JSON.stringify(wrong));
  }
  t.is((await call('admin', 'DELETE', '/v2/regions/nowhere')).body.error.title, 'region.not_found');
});

test('a region with a member does not leave; one without does, and what is heard of it later counts no more', async (t) => {
  const { call, world } = await made(t);
  const [cluster] = world.federation.clusters();
  const held = cluster?.members[0]?.region ?? '';
  for (const name of [held, 'empty']) world.commit({ kind: 'region.observed', region: { name, ...HEARD, zones: [] } });

  const refused = await call('admin', 'DELETE', `/v2/regions/${held}`);
  t.is(refused.body.error.title, 'region.in_use');
  t.regex(refused.body.error.message, /orders \(/);

  t.is((await call('admin', 'DELETE', '/v2/regions/empty')).status, 200);
  world.commit({ kind: 'region.observed', region: { name: 'empty', ...HEARD, zones: [] } });
  t.is((await call('viewer', 'GET', '/v2/regions/empty')).status, 404);
  t.deepEqual(world.federation.ledRegions([{ name: 'empty', executors: ['a:1'] }]), []);

  t.is((await call('admin', 'POST', '/v2/regions', { region: { ...EAST.region, name: 'empty' } })).status, 201);
});

test('nothing is placed in a region that left while it was being placed', async (t) => {
  const { call, world } = await made(t);
  const [cluster] = world.federation.clusters();
  if (cluster === undefined) throw new Error('There is a cluster.');
  await call('admin', 'POST', '/v2/regions', EAST);
  await call('admin', 'DELETE', '/v2/regions/east');

  const change = { operationId: 'late', operationKind: 'cluster.update', requestId: 'req', steps: [] } as const;
  const member = { ordinal: cluster.nextOrdinal, kind: 'voter', region: 'east', zone: 'a' } as const;
  const { refused } = world.commit({
    ...{ kind: 'cluster.changed', clusterId: cluster.id, baseRevision: cluster.revision, ...change },
    ...{ spec: cluster.spec, members: [member], admin: cluster.admin },
  });

  t.is(refused?.code, 'state.stale');
});

test('a drained region has no room for new members, and stays so through a snapshot', async (t) => {
  const { call, world } = await serve(t);
  const zones = [{ name: 'a', freeMembers: 7 }];
  world.commit({ kind: 'region.observed', region: { name: 'north', ...HEARD, zones } });

  const drained = await call('admin', 'POST', '/v2/regions/north/drain');
  world.commit({ kind: 'region.observed', region: { name: 'north', ...HEARD, zones } });
  const restored = new Federation();
  restored.restore(world.federation.snapshot());

  t.is(drained.body.region.drained, true);
  t.deepEqual(
    candidateSites(restored.regions(), 'small').map(({ freeMembers }) => freeMembers),
    [0],
  );
  t.is((await call('admin', 'POST', '/v2/regions/north/undrain')).body.region.drained, false);
  t.is(candidateSites(world.federation.regions(), 'small')[0]?.freeMembers, 7);
});

test('regions that joined outlive a snapshot', (t) => {
  const federation = new Federation();
  const region = { ...EAST.region, keystone: 'http://10.4.0.4:5000/v3' };
  federation.apply({ kind: 'region.added', region, at: '2026-01-01T00:00:00Z' });
  federation.apply({ kind: 'region.removed', name: 'west', at: '2026-01-01T00:00:00Z' });

  const restored = new Federation();
  restored.restore(federation.snapshot());

  t.deepEqual(restored.ledRegions([{ name: 'west', executors: ['a:1'] }]), [EAST.region]);
  t.deepEqual(restored.joinedKeystones(), [{ name: 'east', url: region.keystone }]);
});
