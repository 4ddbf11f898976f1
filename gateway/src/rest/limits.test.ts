import test from 'ava';
import { RateLimit } from './rate-limit.ts';
import { orders, serve } from './server-for-tests.ts';

const named = (name: string, more: object = {}) => ({ cluster: { ...orders.cluster, name, ...more } });

test('a bucket fills steadily, and one project does not empty that of another', (t) => {
  let nowMs = 0;
  const limit = new RateLimit({ requestsPerSecond: 2, burst: 3, monotonicMs: () => nowMs });
  for (let count = 0; count < 3; count += 1) limit.take('p');

  t.throws(() => limit.take('p'), { message: /2 times a second, and 3 times at once/ });
  t.notThrows(() => limit.take('other'));
  nowMs += 500;
  t.notThrows(() => limit.take('p'));
  t.throws(() => limit.take('p'));
  nowMs += 60_000;
  for (let count = 0; count < 3; count += 1) limit.take('p');
  t.throws(() => limit.take('p'));
});

test('beyond its rate a project is told when to come again; what needs no token has no limit', async (t) => {
  const { call } = await serve(t, { burst: 2 });
  await call('demo', 'GET', '/v2/clusters');
  await call('viewer', 'GET', '/v2/clusters');
  const { status, headers, body } = await call('demo', 'GET', '/v2/clusters');

  t.is(status, 429);
  t.is(body.error.title, 'rate.limited');
  t.is(headers.get('retry-after'), '1');
  t.is((await call('stranger', 'GET', '/v2/clusters')).status, 200);
  t.is((await call(undefined, 'GET', '/readyz')).status, 200);
});

test('a quota is checked when a change is prepared, and says what is used, wanted and the limit', async (t) => {
  const { call } = await serve(t, { quotas: { clusters: 2, members: 7, volumeGib: 20 } });
  t.is((await call('demo', 'POST', '/v2/clusters', named('a', { volume: { size: 5 } }))).status, 202);
  const cases: [unknown, RegExp][] = [
    [named('b', { topology: { voters: 5 } }), /members: 3 used, 5 more wanted, the limit is 7/],
    [named('b', { volume: { size: 2 } }), /GiB of volumes: 15 used, 6 more wanted, the limit is 20/],
  ];
  for (const [body, message] of cases) {
    for (const query of ['', '?dry_run=true']) {
      const answer = await call('demo', 'POST', `/v2/clusters${query}`, body);
      t.is(answer.status, 409);
      t.is(answer.body.error.title, 'quota.exceeded');
      t.regex(answer.body.error.message, message);
    }
  }
  const both = await Promise.all(['b', 'c'].map((name) => call('demo', 'POST', '/v2/clusters', named(name))));
  t.deepEqual(both.map(({ status }) => status).sort(), [202, 409]);
  t.is((await call('stranger', 'POST', '/v2/clusters', named('a'))).status, 202);
});

test('an administrator sees the quotas, nobody else does', async (t) => {
  const { call } = await serve(t);
  await call('demo', 'POST', '/v2/clusters', named('a', { volume: { size: 5 } }));

  t.is((await call('demo', 'GET', '/v2/quotas')).status, 403);
  t.deepEqual((await call('admin', 'GET', '/v2/quotas')).body.quotas, [
    {
      project_id: 'p',
      limit: { clusters: 100, members: 300, volume_gib: 10_000 },
      used: { clusters: 1, members: 3, volume_gib: 15 },
    },
  ]);
});

test('the metrics tell of requests, clusters, operations, watchers and Raft, and need no token', async (t) => {
  const { call } = await serve(t);
  await call('demo', 'POST', '/v2/clusters', orders);
  await call('demo', 'GET', '/v2/clusters/nobody');
  await call('demo', 'GET', '/v2/dragons');
  const { status, headers, body } = await call(undefined, 'GET', '/metrics');

  t.is(status, 200);
  t.regex(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  for (const line of [
    'argosy_http_requests_total{route="clusters.create",method="POST",status="202"} 1',
    'argosy_http_requests_total{route="clusters.show",method="GET",status="404"} 1',
    'argosy_http_requests_total{route="none",method="GET",status="404"} 1',
    'argosy_http_request_duration_seconds_count{route="clusters.create",method="POST"} 1',
    'argosy_clusters{status="BUILD"} 1',
    'argosy_operations{kind="cluster.create",status="RUNNING"} 1',
    'argosy_event_watchers 0',
    'argosy_raft_peer_match_index{peer="2"} 5',
  ]) {
    t.true(body.includes(`${line}\n`), line);
  }
  const names = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  t.deepEqual(
    names.filter((name) => !/^argosy_/.test(name ?? '')),
    [],
  );
});
