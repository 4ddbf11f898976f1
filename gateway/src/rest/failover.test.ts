import { status as grpcStatus } from '@grpc/grpc-js';
import test from 'ava';
import { GrpcFailure } from '../conductor/world-for-tests.ts';
import { made as madeCluster } from '../planning/cluster-for-tests.ts';
import { failover } from './failover.ts';
import type { RouteRequest } from './route.ts';
import { made } from './server-for-tests.ts';

test('a primary that does not answer is deposed when it is asked for, and shown as failing over meanwhile', async (t) => {
  const { call, world } = await made(t);
  const id = world.federation.clusters()[0]?.id ?? '';
  world.silent.add(`${id}-1`);
  const planned = await call('demo', 'POST', '/v2/clusters/orders/failover?dry_run=true', {});
  t.deepEqual(
    planned.body.plan.steps.map(({ kind, member }: { kind: string; member: string }) => `${kind} ${member}`),
    ['promise orders-2', 'promise orders-3', 'elect orders-2', 'promote orders-2', 'follow orders-3', 'open orders-2'],
  );

  const { status, body } = await call('demo', 'POST', '/v2/clusters/orders/failover', {});
  t.is(status, 202);
  t.is(body.cluster.status, 'FAILING_OVER');
  const cancelled = await call('demo', 'POST', `/v2/operations/${body.operation.id}/cancel`);
  t.is(cancelled.body.error.title, 'operation.not_cancellable');
  await world.until(() => world.federation.operation(body.operation.id)?.status === 'DONE');

  const { cluster } = (await call('demo', 'GET', '/v2/clusters/orders')).body;
  t.like(cluster, { epoch: 2, status: 'DEGRADED' });
  t.deepEqual(
    cluster.members.map(({ role, status }: { role: string; status: string }) => `${role} ${status}`),
    ['replica DOWN', 'primary UP', 'replica UP'],
  );
});

test('what would lose writes is refused with who is missing, unless the loss is accepted', async (t) => {
  const { call, world } = await made(t);
  const id = world.federation.clusters()[0]?.id ?? '';
  for (const ordinal of [1, 2]) world.silent.add(`${id}-${ordinal}`);
  const refused = await call('demo', 'POST', '/v2/clusters/orders/failover', {});
  t.is(refused.body.error.title, 'failover.impossible');
  t.regex(refused.body.error.message, /orders-1 \(north\), orders-2 \(south\)/);

  const { body } = await call('demo', 'POST', '/v2/clusters/orders/failover', { accept_data_loss: true });
  await world.until(() => world.federation.operation(body.operation.id)?.status === 'DONE');

  const { cluster } = (await call('demo', 'GET', '/v2/clusters/orders')).body;
  t.like(cluster.members[2], { role: 'primary', status: 'UP' });
  t.regex(cluster.members[1].detail, /Left out of epoch 2.*its volume is kept/);
  const events = (await call('demo', 'GET', '/v2/events')).body.events as { kind: string; message: string }[];
  t.regex(
    events.find(({ kind }) => kind === 'cluster.failover')?.message ?? '',
    /only member 1, 2 may hold was accepted/,
  );
});

test('a voter whose copy has not caught up answers, but elects nobody', (t) => {
  const cluster = madeCluster(3);
  const copied = cluster.members.map((member) =>
    member.ordinal === 2 ? { ...member, facts: { ...member.facts, seededInEpoch: 1, epoch: 0 } } : member,
  );
  const report = { ageMs: 0, epoch: 1, role: 'replica', isUp: true, downForMs: 0 } as const;
  const answering = { agent: 'reachable', agentForMs: 60_000, report } as const;
  const witnesses = new Map([2, 3].map((ordinal) => [ordinal, answering]));
  const asked = (members: typeof copied) =>
    failover({ ...cluster, members }, { body: {}, requestId: 'req-1' } as RouteRequest, {
      ...{ witnesses: () => witnesses, newId: () => 'o' },
    });

  t.deepEqual(asked([...cluster.members]).reasons, []);
  t.throws(() => asked(copied), { message: /Not heard, or not whole: .*-1 \(north\), .*-2 \(south\)/ });
});

test('a failover preempts a change that is under way, which is gone on with afterwards', async (t) => {
  const { call, world } = await made(t);
  const id = world.federation.clusters()[0]?.id ?? '';
  const grow = await call('demo', 'PATCH', '/v2/clusters/orders', { cluster: { topology: { voters: 5 } } });
  t.is(grow.status, 202);
  world.silent.add(`${id}-1`);
  const { body } = await call('demo', 'POST', '/v2/clusters/orders/failover', {});
  await world.until(() => world.federation.operation(body.operation.id)?.status === 'DONE');

  const superseded = (await call('demo', 'GET', `/v2/operations/${grow.body.operation.id}`)).body.operation;
  t.like(superseded, { status: 'CANCELLED', superseded_by: body.operation.id });
  const [cluster] = world.federation.clusters();
  t.is(cluster?.rule?.voters.length, 5);
  t.true((cluster?.epoch ?? 0) >= 2 && cluster?.primary !== 1);
});

test('a preempted change that cannot be made is given up after the failover, and the cluster is free again', async (t) => {
  const { call, world } = await made(t);
  const id = world.federation.clusters()[0]?.id ?? '';
  const grow = await call('demo', 'PATCH', '/v2/clusters/orders', { cluster: { topology: { voters: 5 } } });
  world.silent.add(`${id}-1`);
  world.fault = (command) => {
    if (command === 'ensure') throw new GrpcFailure(grpcStatus.INVALID_ARGUMENT, 'The image is gone.');
  };
  const { body } = await call('demo', 'POST', '/v2/clusters/orders/failover', {});
  await world.until(() => world.federation.operation(body.operation.id)?.status !== 'RUNNING');

  t.is(grow.status, 202);
  t.like(world.federation.operation(body.operation.id), { status: 'FAILED', error: 'The image is gone.' });
  const [cluster] = world.federation.clusters();
  t.is(cluster?.rule?.voters.length, 3);
  t.true((cluster?.opened.epoch ?? 0) >= 2 && cluster?.primary !== 1);
  const again = await call('demo', 'PATCH', '/v2/clusters/orders?dry_run=true', { cluster: { flavor: 'medium' } });
  t.is(again.status, 200);
});
