import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { datastores } from '@argosy/datastores';
import { systemClock } from '@argosy/proto';
import { status as grpcStatus } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { GrpcFailure, sequence, World } from '../conductor/world-for-tests.ts';
import { readySteps } from '../planning/ready.ts';
import type { Caller } from './callers.ts';
import { clusterRoutes } from './clusters.ts';
import { datastoreRoutes } from './datastores.ts';
import { ApiError } from './errors.ts';
import { Events } from './events.ts';
import { operationRoutes } from './operations.ts';
import { regionRoutes } from './regions.ts';
import { createServer } from './server.ts';

const CALLERS: Readonly<Record<string, Caller>> = {
  admin: caller('admin', ['admin', 'member', 'reader'], 'root'),
  demo: caller('demo', ['member', 'reader'], 'p'),
  viewer: caller('viewer', ['reader'], 'p'),
  stranger: caller('stranger', ['member', 'reader'], 'other'),
  nobody: caller('nobody', [], 'p'),
};

function caller(userName: string, roles: string[], projectId: string): Caller {
  return { userId: userName, userName, projectId, projectName: projectId, roles };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into JSON of many shapes.
  readonly body: any;
}

function* sequenceOfIds(): Generator<string, never> {
  for (let id = 1; ; id += 1) yield `id-${id}`;
}

/** The routes over a world that commits at once, and a way to call them. */
async function serve(t: ExecutionContext): Promise<{
  world: World;
  origin: string;
  call: (token: string | undefined, method: string, path: string, body?: unknown) => Promise<Answer>;
}> {
  const world = new World();
  const { federation } = world;
  const ids = sequenceOfIds();
  const events = new Events(federation, systemClock);
  t.teardown(() => events.close());
  const routes = [
    ...clusterRoutes({
      federation,
      datastores,
      propose: async (entry) => {
        const applied = world.commit(entry);
        events.applied();
        return applied;
      },
      sites: () => world.sites,
      hear: async () => new Map(),
      newId: () => ids.next().value,
      randomBytes: (count) => Buffer.alloc(count, 7),
    }),
    ...operationRoutes({ federation, propose: async (entry) => world.commit(entry) }),
    ...regionRoutes(federation),
    ...datastoreRoutes(datastores),
    ...events.routes(),
  ];
  const app = createServer({
    routes,
    callers: {
      identify: async (token) => {
        if (token === undefined || token === '') throw new ApiError('token.missing', 'No token.');
        const known = CALLERS[token];
        if (known === undefined) throw new ApiError('token.invalid', 'Unknown token.');
        return known;
      },
    },
    catchUp: async () => undefined,
    write: async (route, request) => route.handle(request),
    readiness: () => ({ isReady: true, reason: '' }),
    newRequestId: () => 'req-generated',
    monotonicMs: () => 0,
    log: () => undefined,
  });
  const server = createHttpServer(app.callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const call = async (token: string | undefined, method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: token === undefined ? {} : { 'x-auth-token': token },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  return { world, origin: `http://127.0.0.1:${port}`, call };
}

const orders = { cluster: { name: 'orders', datastore: { type: 'postgresql' } } };

test("the version document needs no token and has OpenStack's shape", async (t) => {
  const { call } = await serve(t);
  const { status, body } = await call(undefined, 'GET', '/');

  t.is(status, 200);
  t.like(body.versions[0], { id: 'v2.0', status: 'CURRENT' });
  t.is(body.versions[0].links[0].rel, 'self');
});

test('a create answers 202 with the cluster, the operation, its location and the password once', async (t) => {
  const { call } = await serve(t);
  const { status, headers, body } = await call('demo', 'POST', '/v2/clusters', orders);

  t.is(status, 202);
  t.is(headers.get('location'), `/v2/operations/${body.operation.id}`);
  t.like(body.cluster, { name: 'orders', status: 'BUILD', project_id: 'p', durability: { mode: 'quorum' } });
  t.deepEqual(body.cluster.placement, { survive: 'region', regions: [], residency: [] });
  t.is(body.operation.steps.length, 11);
  t.deepEqual(Object.keys(body.credentials).sort(), ['database', 'password', 'username']);

  const shown = await call('demo', 'GET', '/v2/clusters/orders');
  t.is(shown.status, 200);
  t.false(JSON.stringify(shown.body).includes(body.credentials.password));
  t.false(JSON.stringify(shown.body).includes('SCRAM'));
});

test('who may do what follows from the roles of the token', async (t) => {
  const { call } = await serve(t);
  await call('demo', 'POST', '/v2/clusters', orders);

  const cases: [string | undefined, string, string, number][] = [
    [undefined, 'GET', '/v2/clusters', 401],
    ['forged', 'GET', '/v2/clusters', 401],
    ['nobody', 'GET', '/v2/clusters', 403],
    ['viewer', 'GET', '/v2/clusters/orders', 200],
    ['viewer', 'DELETE', '/v2/clusters/orders', 403],
    ['stranger', 'GET', '/v2/clusters/orders', 404],
    ['stranger', 'DELETE', '/v2/clusters/orders', 404],
    ['admin', 'GET', '/v2/clusters/orders', 200],
    ['demo', 'DELETE', '/v2/clusters/orders', 202],
  ];
  for (const [token, method, path, expected] of cases) {
    t.is((await call(token, method, path)).status, expected, `${token} ${method} ${path}`);
  }
});

test('another project sees neither the cluster nor its operation in a list', async (t) => {
  const { call } = await serve(t);
  const { body } = await call('demo', 'POST', '/v2/clusters', orders);

  t.deepEqual((await call('stranger', 'GET', '/v2/clusters')).body.clusters, []);
  t.deepEqual((await call('stranger', 'GET', '/v2/operations')).body.operations, []);
  t.is((await call('stranger', 'GET', `/v2/operations/${body.operation.id}`)).body.error.title, 'operation.not_found');
  t.is((await call('stranger', 'POST', '/v2/clusters', orders)).status, 202);
});

test('what is wrong with a body is named', async (t) => {
  const { call } = await serve(t);
  const cluster = orders.cluster;
  const cases: [unknown, number, RegExp][] = [
    ['{"cluster":', 400, /not JSON/],
    [{}, 400, /cluster/],
    [{ cluster: { ...cluster, colour: 'red' } }, 400, /Unknown field "cluster\.colour"/],
    [{ cluster: { ...cluster, topology: { voters: 'three' } } }, 400, /cluster\.topology\.voters/],
    [{ cluster: { ...cluster, topology: { voters: 3, arbiters: 1 } } }, 400, /arbiters are not there yet/],
    [{ cluster: { ...cluster, durability: { mode: 'async' } } }, 400, /not there yet/],
    [{ cluster: { ...cluster, name: '1' } }, 400, /cluster\.name: must start with a letter/],
    [{ cluster: { ...cluster, datastore: { type: 'postgres' } } }, 400, /Did you mean "postgresql"/],
    [{ cluster: { ...cluster, datastore: { type: 'postgresql', version: '9.6' } } }, 400, /supported: 15/],
    [{ cluster: { ...cluster, topology: { voters: 2 }, placement: { survive: 'region' } } }, 409, /cannot survive/],
    [{ cluster: { ...cluster, placement: { regions: ['north', 'south'] } } }, 409, /do not fit/],
    ['x'.repeat(300_000), 413, /larger than/],
  ];
  for (const [body, expected, message] of cases) {
    const answer = await call('demo', 'POST', '/v2/clusters', body);
    t.is(answer.status, expected, JSON.stringify(answer.body));
    t.regex(answer.body.error.message, message);
    t.is(answer.body.error.request_id, 'req-generated');
  }
  t.deepEqual((await call('demo', 'GET', '/v2/clusters')).body.clusters, []);
});

test('a name is taken once in a project', async (t) => {
  const { call } = await serve(t);
  await call('demo', 'POST', '/v2/clusters', orders);
  const { status, body } = await call('demo', 'POST', '/v2/clusters', orders);

  t.is(status, 409);
  t.is(body.error.title, 'cluster.name_taken');
});

test('a parameter that is not known is refused, for it could be one that shall keep a change from being made', async (t) => {
  const { call } = await serve(t);
  const { status, body } = await call('demo', 'POST', '/v2/clusters?pretend=true', orders);

  t.is(status, 400);
  t.is(body.error.title, 'request.unsupported');
  t.deepEqual((await call('demo', 'GET', '/v2/clusters')).body.clusters, []);
});

test('a list comes in pages, each with the way to the next', async (t) => {
  const { call } = await serve(t);
  for (const name of ['a', 'b', 'c'])
    await call('demo', 'POST', '/v2/clusters', { cluster: { ...orders.cluster, name } });
  const first = await call('demo', 'GET', '/v2/clusters?limit=2');
  const second = await call('demo', 'GET', first.body.links[0].href);

  t.deepEqual(
    first.body.clusters.map(({ name }: { name: string }) => name),
    ['a', 'b'],
  );
  t.deepEqual(
    second.body.clusters.map(({ name }: { name: string }) => name),
    ['c'],
  );
  t.deepEqual(second.body.links, []);
  t.is((await call('demo', 'GET', '/v2/clusters?limit=0')).status, 400);
  t.is((await call('demo', 'GET', '/v2/clusters?marker=gone')).status, 400);
});

test('an unknown path is 404, a known one with another method 405 with the methods it takes', async (t) => {
  const { call } = await serve(t);
  const wrong = await call('demo', 'PATCH', '/v2/operations/o');

  t.is((await call('demo', 'GET', '/v2/dragons')).body.error.title, 'route.not_found');
  t.is(wrong.status, 405);
  t.is(wrong.headers.get('allow'), 'GET');
});

/** Reads a stream of events until it holds as many as are waited for. */
async function readEvents(origin: string, token: string, count: number, lastEventId: string): Promise<string[]> {
  const headers = { accept: 'text/event-stream', 'x-auth-token': token, 'last-event-id': lastEventId };
  const signal = AbortSignal.timeout(5_000);
  const response = await fetch(`${origin}/v2/events`, { headers, signal });
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString('utf8');
    const events = [...text.matchAll(/^id: (\d+)\nevent: (.+)\n/gm)].map(([, id, kind]) => `${id} ${kind}`);
    if (events.length >= count) return events;
  }
  return [];
}

test('a watcher sees what happens in its project, and goes on where it was', async (t) => {
  const { call, origin } = await serve(t);
  await call('demo', 'POST', '/v2/clusters', orders);
  await call('stranger', 'POST', '/v2/clusters', orders);
  const watching = readEvents(origin, 'demo', 2, '0');
  await call('demo', 'DELETE', '/v2/clusters/orders');

  t.deepEqual(await watching, ['1 operation.started', '3 operation.started']);
  t.deepEqual(await readEvents(origin, 'demo', 1, '1'), ['3 operation.started']);
  const { body } = await call('demo', 'GET', '/v2/events?after=1');
  t.deepEqual(
    body.events.map(({ id }: { id: string }) => id),
    ['3'],
  );
  t.is((await call('admin', 'GET', '/v2/events')).body.events.length, 3);
});

/** A cluster that was made: the world's conductor runs until the operation has ended. */
async function made(t: ExecutionContext): Promise<Awaited<ReturnType<typeof serve>>> {
  const served = await serve(t);
  const { world, call } = served;
  world.elect();
  const { body } = await call('demo', 'POST', '/v2/clusters', orders);
  await world.until(() => world.federation.operation(body.operation.id)?.status === 'DONE');
  return served;
}

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
