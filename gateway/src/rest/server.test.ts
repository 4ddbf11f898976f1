import test from 'ava';
import { orders, serve } from './server-for-tests.ts';

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
    [{ cluster: { ...cluster, topology: { voters: 3, arbiters: 1 } } }, 400, /an arbiter holds no data/],
    [
      { cluster: { ...cluster, durability: { mode: 'async', on_loss: 'degrade' } } },
      400,
      /on_loss: is of no use where/,
    ],
    [{ cluster: { ...cluster, durability: { mode: 'quorum', rpo_seconds: 3 } } }, 400, /rpo_seconds: is of no use/],
    [{ cluster: { ...cluster, durability: { rpo_seconds: 0 } } }, 400, /cluster\.durability\.rpo_seconds/],
    [
      { cluster: { ...cluster, datastore: { type: 'mariadb' }, topology: { voters: 5 } } },
      400,
      /voters: must be at most 3: MariaDB waits for one replica and has no count/,
    ],
    [
      { cluster: { ...cluster, datastore: { type: 'redis' }, durability: { mode: 'quorum' } } },
      400,
      /redis commits by async, not by quorum/,
    ],
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
  t.is(wrong.headers.get('allow'), 'GET, HEAD, OPTIONS');
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
