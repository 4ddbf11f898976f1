import test from 'ava';
import { next } from './drills.ts';
import { made, type Served } from './server-for-tests.ts';

/** A cluster whose members are up, in regions that answer. */
async function whole(t: Parameters<typeof made>[0]): Promise<Served> {
  const served = await made(t);
  const { world } = served;
  for (const name of ['north', 'south', 'west']) {
    const region = { name, provider: name, jurisdiction: 'EU', status: 'UP', zones: [], flavors: [] } as const;
    world.commit({ kind: 'region.observed', region });
  }
  const [cluster] = world.federation.clusters();
  for (const { ordinal } of cluster?.members ?? []) {
    world.commit({ kind: 'member.observed', clusterId: cluster?.id ?? '', ordinal, isUp: true });
  }
  return served;
}

const crash = { drill: { kind: 'primary-crash', cluster: 'orders' } };

test('a drill is accepted once, shown, listed, and broken off', async (t) => {
  const { call, send } = await whole(t);
  const headers = { 'x-auth-token': 'demo', 'idempotency-key': 'once' };

  const first = await send('POST', '/v2/drills', headers, JSON.stringify(crash));
  const again = await send('POST', '/v2/drills', headers, JSON.stringify(crash));
  t.is(first.status, 202);
  t.is(again.body.drill.id, first.body.drill.id);
  t.is(first.headers.get('location'), `/v2/drills/${first.body.drill.id}`);
  t.like(first.body.drill, {
    kind: 'primary-crash',
    cluster: 'orders',
    status: 'RUNNING',
    phase: 'writing',
    report: null,
  });

  const other = await call('demo', 'POST', '/v2/drills', crash);
  t.is(other.body.error.title, 'drill.busy');
  const change = await call('demo', 'POST', '/v2/clusters/orders/switchover', {});
  t.is(change.body.error.title, 'cluster.busy');
  const aborted = await call('demo', 'POST', `/v2/drills/${first.body.drill.id}/abort`);
  t.is(aborted.status, 202);
  const { drills } = (await call('demo', 'GET', '/v2/drills')).body;
  t.is(drills.length, 1);
  t.regex(drills[0].timeline.at(-1).message, /Broken off by demo/);
  const hidden = await call('stranger', 'GET', `/v2/drills/${first.body.drill.id}`);
  t.is(hidden.body.error.title, 'drill.not_found');
});

test('what others would feel, or what cannot be made here, is refused', async (t) => {
  const { call } = await whole(t);
  const outage = { kind: 'region-outage', cluster: 'orders', region: 'north' };

  const live = await call('demo', 'POST', '/v2/drills', { drill: { ...outage, live: true } });
  t.is(live.body.error.title, 'access.denied');
  const cut = await call('admin', 'POST', '/v2/drills', { drill: { ...outage, how: 'cut_off' } });
  t.is(cut.body.error.title, 'drill.needs_network_namespaces');
  const nowhere = await call('demo', 'POST', '/v2/drills', { drill: { ...outage, region: 'east' } });
  t.is(nowhere.body.error.title, 'region.not_found');
  const regionless = await call('demo', 'POST', '/v2/drills', { drill: { kind: 'region-outage', cluster: 'orders' } });
  t.regex(regionless.body.error.message, /^drill\.region: must be given/);
  const viewer = await call('viewer', 'POST', '/v2/drills', crash);
  t.is(viewer.status, 403);
});

test('a drill begins only with a whole cluster', async (t) => {
  const { call, world } = await whole(t);
  const clusterId = world.federation.clusters()[0]?.id ?? '';
  world.commit({ kind: 'member.observed', clusterId, ordinal: 3, isUp: false, detail: 'It is gone.' });

  const { status, body } = await call('demo', 'POST', '/v2/drills', crash);

  t.is(status, 409);
  t.is(body.error.title, 'drill.impossible');
});

test('a schedule is kept, and knows when it is due next', async (t) => {
  const { call } = await whole(t);

  const { body } = await call('demo', 'POST', '/v2/drills', { drill: { ...crash.drill, schedule: '0 3 * * 6' } });
  t.like(body.drill, { status: 'SCHEDULED', schedule: '0 3 * * 6', next_at: '2026-01-03T03:00:00.000Z' });
  const wrong = await call('demo', 'POST', '/v2/drills', { drill: { ...crash.drill, schedule: 'at times' } });
  t.is(wrong.body.error.title, 'request.invalid');
  t.is(next('*/5 * * * *', new Date('2026-01-01T00:04:59Z')), '2026-01-01T00:05:00.000Z');
});

test('a report is a page for whom asks for one, with nothing of a name taken for markup', async (t) => {
  const { call, origin } = await whole(t);
  const { body } = await call('demo', 'POST', '/v2/drills', crash);

  const answer = await fetch(`${origin}/v2/drills/${body.drill.id}`, {
    headers: { 'x-auth-token': 'demo', accept: 'text/html' },
  });

  t.regex(answer.headers.get('content-type') ?? '', /^text\/html/);
  t.regex(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  t.regex(await answer.text(), /<h1>primary-crash of orders/);
});
