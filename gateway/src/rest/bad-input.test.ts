import { connect } from 'node:net';
import test from 'ava';
import { MAX_DEPTH, parseBody } from './bodies.ts';
import { exchange } from './fuzz-for-tests.ts';
import { made, orders, serve } from './server-for-tests.ts';

const OWN = { 'x-auth-token': 'demo' };

test('what two readers could understand differently is no body', (t) => {
  const cases: [string | Uint8Array, RegExp][] = [
    ['{"a":', /not JSON: it ends too early/],
    ['{"a":1,}', /not JSON: the fault is at character 8/],
    ['{"cluster":{"name":"a","name":"b"}}', /names the field "name" twice/],
    ['{"a":1,"\\u0061":2}', /names the field "a" twice/],
    ['{"name":"a\\u0000b"}', /NUL character/],
    ['{"__proto__":{"a":1}}', /Unknown field "__proto__"/],
    ['['.repeat(MAX_DEPTH + 1) + ']'.repeat(MAX_DEPTH + 1), /deeper than 32 levels/],
    [Uint8Array.of(0x22, 0xc3, 0x28, 0x22), /not UTF-8/],
  ];
  for (const [text, message] of cases) {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    t.throws(() => parseBody(bytes), { name: 'ApiError', message }, String(text).slice(0, 60));
  }
  t.deepEqual(parseBody(Buffer.from('{"a":{"a":"{\\"a\\":1, \\"a\\":2}"},"b":[{"a":1},{"a":2}]}')), {
    a: { a: '{"a":1, "a":2}' },
    b: [{ a: 1 }, { a: 2 }],
  });
  t.true(Array.isArray(parseBody(Buffer.from('['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH)))));
});

test('a body of 10 MiB is refused before it has come', async (t) => {
  const { port } = await serve(t);
  const head = 'POST /v2/clusters HTTP/1.1\r\nhost: a\r\nx-auth-token: demo\r\n';
  const announced = await exchange(port, Buffer.from(`${head}content-length: 10485760\r\n\r\n{"cluster":`));
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const endless = await exchange(port, Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n${chunk.repeat(5)}`));
  const asked = await exchange(port, Buffer.from(`${head}content-length: 10485760\r\nexpect: 100-continue\r\n\r\n`));

  for (const { status, body } of [announced, endless, asked]) {
    t.is(status, 413);
    t.regex(body, /request\.too_large.*larger than 262144 bytes/);
  }
});

test('a client that sends all of 10 MiB before it looks reads its 413 all the same', async (t) => {
  const { call } = await serve(t);
  const { status, body } = await call('demo', 'POST', '/v2/clusters', 'x'.repeat(10 * 1024 * 1024));

  t.is(status, 413);
  t.is(body.error.title, 'request.too_large');
  t.is((await call('demo', 'GET', '/v2/clusters')).status, 200);
});

test('who goes on sending what was refused is cut off', async (t) => {
  const { port } = await serve(t);
  const head = 'POST /v2/clusters HTTP/1.1\r\nhost: a\r\nx-auth-token: demo\r\ncontent-length: 99999999999\r\n\r\n';
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const send = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', send);
  socket.write(head);
  send();
  await ended;

  t.regex(answer, /^HTTP\/1\.1 413 /);
});

test('what is no HTTP, too slow or has too large headers is told so in JSON', async (t) => {
  const { port } = await serve(t, { limits: { headersMs: 200, requestMs: 400, checkMs: 50 } });
  const head = 'POST /v2/clusters HTTP/1.1\r\nhost: a\r\nx-auth-token: demo\r\n';
  const cases: [string, number, string][] = [
    ['hello\r\n\r\n', 400, 'request.malformed'],
    [`GET / HTTP/1.1\r\nhost: a\r\nx-large: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'request.headers_too_large'],
    ['GET / HTTP/1.1\r\nhost:', 408, 'request.too_slow'],
    [`${head}content-length: 100\r\n\r\n{"clus`, 408, 'request.too_slow'],
    [`${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`, 400, 'request.malformed'],
  ];
  for (const [text, expected, title] of cases) {
    const { status, body, head: answered } = await exchange(port, Buffer.from(text));
    t.is(status, expected, `${text.slice(0, 40)}: ${answered}`);
    t.is(JSON.parse(body).error.title, title);
    t.regex(answered, /x-openstack-request-id: req-/);
  }
});

test('a query or header that a route does not understand is named', async (t) => {
  const { send } = await serve(t);
  const cases: [string, Record<string, string>, number, RegExp][] = [
    ['/v2/clusters?limit=0', {}, 400, /^limit: must be a whole number from 1 to 1000/],
    ['/v2/clusters?limit=1&limit=2', {}, 400, /^limit: must be given once/],
    ['/v2/clusters?status=lazy', {}, 400, /^status: .*"ACTIVE"/],
    ['/v2/clusters?name=1', {}, 400, /^name: must start with a letter/],
    ['/v2/clusters?consistency=some', {}, 400, /^consistency: /],
    ['/v2/clusters?__proto__=1', {}, 400, /takes no parameter "__proto__"/],
    ['/v2/clusters', { 'openstack-api-version': 'database 9.9' }, 406, /only microversion 2\.0/],
    ['/v2/events', { 'last-event-id': 'x' }, 400, /^last-event-id: must be the id of an event/],
    ['/v2/events?after=-1', {}, 400, /^after: must be the id of an event/],
  ];
  for (const [path, headers, expected, message] of cases) {
    const { status, body } = await send('GET', path, { ...OWN, ...headers });
    t.is(status, expected, path);
    t.regex(body.error.message, message);
  }
  t.is((await send('DELETE', '/v2/clusters/orders', OWN, '{"force":true}')).body.error.title, 'request.unsupported');
  const gzip = await send('POST', '/v2/clusters', { ...OWN, 'content-encoding': 'gzip' }, JSON.stringify(orders));
  t.regex(gzip.body.error.message, /Content-Encoding "gzip"/);
});

test('HEAD answers the headers, also of a stream, and OPTIONS the methods, without a token', async (t) => {
  const { send } = await made(t);
  const head = await send('HEAD', '/v2/clusters/orders', OWN);
  const stream = await send('HEAD', '/v2/events', { ...OWN, accept: 'text/event-stream' });
  const options = await send('OPTIONS', '/v2/clusters/orders', {});

  t.is(head.status, 200);
  t.is(head.headers.get('etag'), '"1"');
  t.is(stream.status, 200);
  t.is(options.status, 204);
  t.is(options.headers.get('allow'), 'GET, PATCH, DELETE, HEAD, OPTIONS');
  t.is((await send('OPTIONS', '/v2/dragons', {})).status, 404);
});

test("an error is RFC 9457's when the client asks for that, and keeps what else was said", async (t) => {
  const { send } = await made(t);
  const accept = { ...OWN, accept: 'application/problem+json' };
  const wish = JSON.stringify({ cluster: { topology: { voters: 5 } } });
  const missing = await send('GET', '/v2/clusters/nobody', accept);
  const changed = await send('PATCH', '/v2/clusters/orders?plan_hash=0', accept, wish);

  t.is(missing.headers.get('content-type'), 'application/problem+json');
  t.deepEqual(missing.body, {
    type: 'urn:argosy:error:cluster.not_found',
    title: 'cluster.not_found',
    status: 404,
    detail: 'There is no cluster "nobody" in this project.',
    request_id: 'req-generated',
  });
  t.is(changed.body.title, 'plan.changed');
  t.is(typeof changed.body.plan.plan_hash, 'string');
  t.is((await send('GET', '/v2/clusters', accept)).headers.get('content-type'), 'application/json; charset=utf-8');
});

test('a well-formed request id of the client is kept, in the answer and in the log', async (t) => {
  const { send, logged } = await serve(t);
  const kept = await send('GET', '/v2/clusters', { ...OWN, 'x-openstack-request-id': 'req-7f' });
  const drawn = await send('GET', '/v2/clusters', { ...OWN, 'x-openstack-request-id': 'seven' });

  t.is(kept.headers.get('x-openstack-request-id'), 'req-7f');
  t.is(drawn.headers.get('x-openstack-request-id'), 'req-generated');
  t.like(logged[0], { request_id: 'req-7f', route: 'clusters.list', project_id: 'p', status: 200 });
  t.true(logged.every(({ request_id }) => typeof request_id === 'string'));
});
