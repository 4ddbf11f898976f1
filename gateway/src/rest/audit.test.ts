import test from 'ava';
import { knownMembers } from '../state/known-members.ts';
import { made, serve } from './server-for-tests.ts';

const HEARD = { provider: 'x', jurisdiction: 'EU', status: 'UP', zones: [], flavors: [] } as const;
const STRANGER = {
  ...{ stackId: 's1', stackName: 'argosy-x-c9-1', stackStatus: 'CREATE_COMPLETE', memberId: 'c9-1' },
  ...{ kind: 'unknown_member', why: 'The gateway has no cluster c9.', removable: true, removed: false },
};
const WITHOUT = {
  ...{ stackId: '', stackName: '', stackStatus: '', memberId: 'c1-1' },
  ...{ kind: 'no_stack', why: 'It was made.', removable: false, removed: false },
};

test("an audit is an administrator's; it shows what is an orphan, why, and what can be done", async (t) => {
  const { call, world } = await serve(t, { orphans: [STRANGER, WITHOUT] });
  world.commit({ kind: 'region.observed', region: { name: 'north', ...HEARD } });

  const { status, body } = await call('admin', 'POST', '/v2/regions/north/audit', {});

  t.is(status, 200);
  t.like(body.orphans[0], { stack_id: 's1', member_id: 'c9-1', kind: 'unknown_member', removable: true });
  t.like(body.orphans[1], { member_id: 'c1-1', kind: 'no_stack', removable: false });
  t.regex(body.orphans[1].advice, /cluster replace/);
  t.false('stack_id' in body.orphans[1]);
  t.is((await call('demo', 'POST', '/v2/regions/north/audit', {})).status, 403);
  t.is((await call('admin', 'POST', '/v2/regions/nowhere/audit', {})).status, 404);
});

test('what the gateway knows of a region: its members, those that must have a stack, and every cluster', async (t) => {
  const { world } = await made(t);
  const [cluster] = world.federation.clusters();
  const region = cluster?.members[0]?.region ?? '';

  const known = knownMembers(world.federation, region);

  t.deepEqual(known.clusters, [{ clusterId: cluster?.id ?? '', nextOrdinal: cluster?.nextOrdinal ?? 0 }]);
  t.deepEqual(known.members, [{ memberId: `${cluster?.id}-${cluster?.members[0]?.ordinal}`, placed: true }]);
});

test('a lost replica is replaced under a new ordinal; the primary is not', async (t) => {
  const { call, world } = await made(t);
  const [cluster] = world.federation.clusters();
  if (cluster === undefined) throw new Error('There is a cluster.');
  const lost = cluster.members.find(({ ordinal }) => ordinal !== cluster.primary)?.ordinal ?? 0;

  const refused = await call('demo', 'POST', '/v2/clusters/orders/replace', { member: `orders-${cluster.primary}` });
  t.is(refused.body.error.title, 'replace.impossible');
  t.is((await call('demo', 'POST', '/v2/clusters/orders/replace', { member: 'orders-99' })).status, 409);
  const replaced = await call('demo', 'POST', '/v2/clusters/orders/replace', { member: `orders-${lost}` });

  t.is(replaced.status, 202);
  await world.until(() => world.federation.operation(replaced.body.operation.id)?.status === 'DONE');
  const ordinals = world.federation.cluster(cluster.id)?.members.map(({ ordinal }) => ordinal) ?? [];
  t.false(ordinals.includes(lost));
  t.true(ordinals.includes(cluster.nextOrdinal));
});
