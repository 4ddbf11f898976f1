import { status as grpcStatus } from '@grpc/grpc-js';
import test from 'ava';
import { GrpcFailure, sequence } from '../conductor/world-for-tests.ts';
import { readySteps } from '../planning/ready.ts';
import { type Answer, made, orders, serve } from './server-for-tests.ts';

test('a dry run shows steps, placement and a hash, and changes nothing', async (t) => {
  const { call } = await made(t);
  const before = await call('demo', 'GET', '/v2/clusters/orders');
  const wish = { cluster: { topology: { voters: 5 } } };
  const { status, body } = await call('demo', 'PATCH', '/v2/clusters/orders?dry_run=true', wish);

  t.is(status, 200);
  t.true(body.plan.steps.some(({ kind }: { kind: string }) => kind === 'change_rule'));
  t.is(body.plan.placement.members.length, 5);
  t.true(body.plan.placement.reasons.length > 0);
  t.deepEqual((await call('demo', 'GET', '/v2/clusters/orders')).body, before.body);
});

test('a plan is made only as it was shown', async (t) => {
  const { call, world } = await made(t);
  const wish = { cluster: { topology: { voters: 5 } } };
  const { body } = await call('demo', 'PATCH', '/v2/clusters/orders?dry_run=true', wish);
  world.sites = world.sites.filter(({ zone }) => zone !== 'north-b');
  const moved = await call('demo', 'PATCH', `/v2/clusters/orders?plan_hash=${body.plan.plan_hash}`, wish);

  t.is(moved.status, 409);
  t.is(moved.body.error.title, 'plan.changed');
  t.not(moved.body.plan.plan_hash, body.plan.plan_hash);
  const made2 = await call('demo', 'PATCH', `/v2/clusters/orders?plan_hash=${moved.body.plan.plan_hash}`, wish);
  t.is(made2.status, 202);
  await world.until(() => world.federation.operation(made2.body.operation.id)?.status === 'DONE');
  t.is(made2.body.operation.steps.length, moved.body.plan.steps.length);
  const shown = await call('demo', 'GET', '/v2/clusters/orders');
  t.is(shown.body.cluster.members.length, 5);
  t.is(shown.body.cluster.status, 'ACTIVE');
});

test("one change at a time: a second is refused with the first one's id, a delete supersedes it", async (t) => {
  const { call, world } = await made(t);
  world.fault = () => {
    throw new Error('The region does not answer.');
  };
  const first = await call('demo', 'PATCH', '/v2/clusters/orders', { cluster: { topology: { replicas: 1 } } });
  const second = await call('demo', 'POST', '/v2/clusters/orders/switchover', {});

  t.is(first.status, 202);
  t.is(second.status, 409);
  t.is(second.body.error.title, 'cluster.busy');
  t.true(second.body.error.message.includes(first.body.operation.id));
  t.is((await call('demo', 'DELETE', '/v2/clusters/orders')).status, 202);
  t.is((await call('demo', 'GET', `/v2/operations/${first.body.operation.id}`)).body.operation.status, 'CANCELLED');
});

test('a repeat with the same Idempotency-Key finds what the first made, and no password', async (t) => {
  const { origin } = await serve(t);
  const post = async (body: unknown, key: string): Promise<Answer> => {
    const headers = { 'x-auth-token': 'demo', 'idempotency-key': key };
    const response = await fetch(`${origin}/v2/clusters`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  const [first, second] = await Promise.all([post(orders, 'k1'), post(orders, 'k1')]);
  const third = await post(orders, 'k1');

  t.deepEqual([first.status, second.status, third.status], [202, 202, 202]);
  t.is(new Set([first, second, third].map(({ body }) => body.operation.id)).size, 1);
  t.is([first, second, third].filter(({ body }) => body.credentials !== undefined).length, 1);
  const other = await post({ cluster: { ...orders.cluster, name: 'other' } }, 'k1');
  t.is(other.body.error.title, 'idempotency.key_reused');
});

test('a change is made only from the state that was looked at', async (t) => {
  const { call, origin } = await made(t);
  const tag = (await call('demo', 'GET', '/v2/clusters/orders')).headers.get('etag') ?? '';
  const patch = (match: string, replicas: number): Promise<Response> =>
    fetch(`${origin}/v2/clusters/orders`, {
      method: 'PATCH',
      headers: { 'x-auth-token': 'demo', 'if-match': match },
      body: JSON.stringify({ cluster: { topology: { replicas } } }),
    });

  t.is((await patch('"99"', 1)).status, 412);
  t.is((await patch('"99"', 0)).status, 412);
  t.is((await patch(tag, 1)).status, 202);
  t.not((await call('demo', 'GET', '/v2/clusters/orders')).headers.get('etag'), tag);
});

test('a change that is cancelled leads back to what was wished before', async (t) => {
  const { call, world } = await made(t);
  world.fault = (command, member) => {
    if (command === 'seed') throw new Error(`No way to ${member}.`);
  };
  const { body } = await call('demo', 'PATCH', '/v2/clusters/orders', { cluster: { topology: { voters: 5 } } });
  await world.until(() => world.stacks.size === 5);
  const cancelled = await call('demo', 'POST', `/v2/operations/${body.operation.id}/cancel`);
  await world.until(() => world.federation.operation(body.operation.id)?.status === 'CANCELLED');

  t.is(cancelled.status, 202);
  t.is(world.stacks.size, 3);
  const shown = await call('demo', 'GET', '/v2/clusters/orders');
  t.deepEqual(shown.body.cluster.topology, { voters: 3, replicas: 0, arbiters: 0 });
  t.is(shown.body.cluster.status, 'ACTIVE');
  t.is((await call('demo', 'POST', `/v2/operations/${body.operation.id}/cancel`)).body.error.title, 'operation.ended');
});

test('a switchover goes to the member or region that is named', async (t) => {
  const { call, world } = await made(t);
  const { body } = await call('demo', 'POST', '/v2/clusters/orders/switchover', { to: 'west' });
  await world.until(() => world.federation.operation(body.operation.id)?.status === 'DONE');

  const { cluster } = (await call('demo', 'GET', '/v2/clusters/orders')).body;
  t.is(cluster.epoch, 2);
  t.is(cluster.members.find(({ role }: { role: string }) => role === 'primary').region, 'west');
  const wrong = await call('demo', 'POST', '/v2/clusters/orders/switchover', { to: 'mars' });
  t.regex(wrong.body.error.message, /"mars" is no other voter of this cluster.*orders-1 \(north\)/);
});

test('a target that is behind is not elected, and the operation says so', async (t) => {
  const { call, world } = await made(t);
  const id = world.federation.clusters()[0]?.id ?? '';
  world.positions.set(`${id}-1`, { epoch: 1, value: '0/5000000' });
  world.positions.set(`${id}-2`, { epoch: 1, value: '0/4000000' });
  const { body } = await call('demo', 'POST', '/v2/clusters/orders/switchover', { to: 'orders-2' });
  await world.until(() => world.federation.operation(body.operation.id)?.status === 'FAILED');

  t.regex(world.federation.operation(body.operation.id)?.error ?? '', /was behind the primary/);
  t.like(world.federation.clusters()[0], { primary: 1, epoch: 2 });
  t.is((await call('demo', 'GET', '/v2/clusters/orders')).body.cluster.status, 'ACTIVE');
});

test('a new password is answered once and reaches the primary', async (t) => {
  const { call, world } = await made(t);
  const { status, body } = await call('demo', 'POST', '/v2/clusters/orders/credentials');
  await world.until(() => world.federation.operation(body.operation.id)?.status === 'DONE');

  t.is(status, 202);
  t.is(typeof body.credentials.password, 'string');
  t.is(world.commands.at(-1)?.split(' ')[0], 'promote');
});

test('seeded worlds in which changes are asked for, cancelled and disturbed end with what is wished, and nothing else', async (t) => {
  for (let seed = 1; seed <= 25; seed += 1) {
    const { call, world } = await made(t);
    const random = sequence(seed);
    let troubles = 20;
    world.fault = () => {
      const draw = random();
      if (troubles <= 0 || draw > 0.2) return;
      troubles -= 1;
      if (draw < 0.08) queueMicrotask(() => world.elect());
      else throw new GrpcFailure(draw < 0.17 ? grpcStatus.UNAVAILABLE : grpcStatus.INVALID_ARGUMENT, 'Planted.');
    };
    for (let round = 0; round < 4; round += 1) {
      const wishes: [string, string, unknown][] = [
        [
          'PATCH',
          '/v2/clusters/orders',
          { cluster: { topology: { voters: [1, 3, 5][Math.floor(random() * 3)] }, placement: { survive: 'host' } } },
        ],
        ['PATCH', '/v2/clusters/orders', { cluster: { topology: { replicas: Math.floor(random() * 3) } } }],
        ['PATCH', '/v2/clusters/orders', { cluster: { flavor: random() < 0.5 ? 'small' : 'large' } }],
        ['POST', '/v2/clusters/orders/switchover', {}],
        ['POST', '/v2/clusters/orders/credentials', {}],
      ];
      const [method, path, wish] = wishes[Math.floor(random() * wishes.length)] as [string, string, unknown];
      const { status, body } = await call('demo', method, path, wish);
      if (status === 409) continue;
      t.is(status, 202, JSON.stringify(body));
      if (random() < 0.3) await call('demo', 'POST', `/v2/operations/${body.operation.id}/cancel`);
      await world.until(() => world.federation.operation(body.operation.id)?.status !== 'RUNNING');
    }
    const cluster = world.federation.clusters()[0];
    t.deepEqual(
      [...world.stacks].sort(),
      cluster?.members.map(({ ordinal }) => `${cluster.id}-${ordinal}`).sort(),
      `seed ${seed}`,
    );
    t.true(cluster !== undefined && readySteps(cluster).length === 0);
    t.is(cluster?.liveRules.length, 1);
  }
});

test('a cluster that shrinks keeps its primary, wherever that is', async (t) => {
  const { call, world } = await made(t);
  const change = async (method: string, path: string, body: unknown): Promise<void> => {
    const answer = await call('demo', method, path, body);
    await world.until(() => world.federation.operation(answer.body.operation.id)?.status === 'DONE');
  };
  await change('PATCH', '/v2/clusters/orders', { cluster: { topology: { voters: 5 } } });
  await change('POST', '/v2/clusters/orders/switchover', { to: 'orders-5' });
  await change('PATCH', '/v2/clusters/orders', { cluster: { topology: { voters: 3 } } });

  const cluster = world.federation.clusters()[0];
  t.is(cluster?.primary, 5);
  t.is(cluster?.epoch, 2);
  t.is(cluster?.members.length, 3);
});

test('a wish that cannot be placed is refused with changes of it that can be sent as they are', async (t) => {
  const { call } = await serve(t);
  const tooFar = { ...orders.cluster, topology: { voters: 2 }, placement: { survive: 'region' } };

  const { status, body } = await call('demo', 'POST', '/v2/clusters', { cluster: tooFar });

  t.is(status, 409);
  t.true(body.error.relaxations.length > 0);
  for (const { message, change } of body.error.relaxations) {
    t.regex(message, /^It fits with /);
    const changed = {
      ...{ ...tooFar, ...change },
      topology: { ...tooFar.topology, ...change.topology },
      placement: { ...tooFar.placement, ...change.placement },
    };
    t.is((await call('demo', 'POST', '/v2/clusters?dry_run=true', { cluster: changed })).status, 200, message);
  }
});
