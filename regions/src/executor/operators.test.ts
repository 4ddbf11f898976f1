import { createServer } from 'node:net';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { callAs, ensure, refusal, remove, watch } from '../testing/calls.ts';
import {
  executor,
  FEDERATION,
  faults,
  gatewayClient,
  REGION,
  signIn,
  spec,
  until,
  wholeRegion,
} from '../testing/region.ts';

test('operators see what runs; tenants see nothing of it', async (t) => {
  const { gateway, executor: started, cloud } = await wholeRegion(t);
  await ensure(gateway, spec('c1-1'));
  const admin = callAs(await signIn(cloud.keystoneUrl, 'argosy', 'secret', 'service'), started.adminPort);
  const demo = await signIn(cloud.keystoneUrl, 'demo', 'demo', 'demo');
  const tenant = callAs(demo, started.adminPort);

  t.is((await callAs('', started.adminPort)('/healthz')).code, 200);
  t.is((await callAs('', started.adminPort)('/v1/members')).code, 401);
  t.like((await callAs('nonsense', started.adminPort)('/v1/members')).body, { error: { title: 'token.invalid' } });
  t.is((await tenant('/v1/members')).code, 403);
  t.is((await tenant('/v1/drain', 'POST')).code, 403);
  t.is((await admin('/v1/nothing')).code, 404);
  t.like(((await admin('/v1/members')).body.members as object[])[0], { id: 'c1-1', kind: 'voter', port: 5432 });
  t.is(((await admin('/v1/stacks')).body.stacks as object[]).length, 1);
  t.like((await admin('/v1/status')).body.status, { region: 'north', members: 1, heat_failure: '' });
  const heat = async (project: string): Promise<Response> =>
    fetch(`${cloud.heatUrl}/v1/${project}/stacks`, { headers: { 'x-auth-token': demo } });
  t.deepEqual(await (await heat('b'.repeat(32))).json(), { stacks: [] });
  t.is((await heat('a'.repeat(32))).status, 403);
});

test('a drained region takes no new member, keeps and changes those it has, and comes back', async (t) => {
  const { gateway, executor: started, token, cloud } = await wholeRegion(t);
  await ensure(gateway, spec('c1-1'));
  const admin = callAs(await token(), started.adminPort);
  const { region } = watch(t, gateway);

  t.like((await admin('/v1/drain', 'POST')).body.status, { drained: true });
  await until(() => region()?.zones.every(({ freeMembers }) => freeMembers === 0) === true);
  const refused = await refusal(ensure(gateway, spec('c1-2')));
  t.is(refused.code, status.RESOURCE_EXHAUSTED);
  t.regex(refused.details, /drained/);
  t.is((await ensure(gateway, spec('c1-1', { volumeGib: 2 }))).volumeGib, 2);
  t.like((await admin('/v1/undrain', 'POST')).body.status, { drained: false });
  await until(() => region()?.zones[0]?.freeMembers === 3);

  // Its volume was away while it grew.
  await until(async () => /argosy_members\{state="REACHABLE"\} 1/.test((await admin('/metrics')).text));
  const { text } = await admin('/metrics');
  t.regex(text, /argosy_executor_requests_total\{method="EnsureMember",code="RESOURCE_EXHAUSTED"\} 1/);
  t.regex(text, /argosy_openstack_requests_total\{service="heat",outcome="202"\} 1/);
  t.regex(text, /argosy_openstack_request_seconds_count\{service="keystone"\} \d+/);
  await faults(cloud, { fail_delete: 'volume' });
  await refusal(remove(gateway, 'c1-1'));
  t.like(((await admin('/v1/orphans')).body.orphans as object[])[0], { member_id: 'c1-1', kind: 'not_deleted' });
});

test('two federations in one project see and remove their own stacks only', async (t) => {
  const { gateway, cloud, token } = await wholeRegion(t);
  const made = await ensure(gateway, spec('c1-1'));
  const stacks = `${cloud.heatUrl}/v1/${'a'.repeat(32)}/stacks`;
  const headers = { 'x-auth-token': await token() };
  const resources = { volume: { type: 'OS::Cinder::Volume', properties: { size: 1 } } };
  const foreign = {
    stack_name: 'argosy-other-c1-1',
    tags: 'argosy-other,c1',
    template: { heat_template_version: '2021-04-16', resources },
  };
  await fetch(stacks, { method: 'POST', headers, body: JSON.stringify(foreign) });
  // A name of ours that another federation has taken is left alone.
  const taken = { ...foreign, stack_name: `argosy-${FEDERATION}-c1-9` };
  await fetch(stacks, { method: 'POST', headers, body: JSON.stringify(taken) });
  const { told, newest } = watch(t, gateway);
  await until(() => told.some(({ $case }) => $case === 'listingComplete'));

  t.like(told.find(({ $case }) => $case === 'listingComplete')?.value, { members: 1 });
  t.is(newest('c1-1')?.stackId, made.stackId);
  t.is((await refusal(remove(gateway, 'c1-9'))).code, status.FAILED_PRECONDITION);
  t.is((await refusal(ensure(gateway, spec('c1-9')))).code, status.FAILED_PRECONDITION);
});

test('the way to other regions is measured; one that does not answer three times is not reachable', async (t) => {
  const region = await wholeRegion(t);
  const mute = createServer((socket) => socket.on('error', () => {}));
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  t.teardown(() => mute.close());
  const port = (mute.address() as { port: number }).port;
  const { grpcPort } = region.executor;
  const peers = [
    { region: 'near', address: `127.0.0.1:${port}` },
    {
      region: 'named',
      address: `127.0.0.1:${grpcPort}`,
      serverName: `executor.${REGION}.${FEDERATION}.argosy.internal`,
    },
    { region: 'wrong', address: `127.0.0.1:${grpcPort}`, serverName: 'executor.wrong.test.argosy.internal' },
    { region: 'gone', address: '127.0.0.1:1' },
  ];

  const second = await executor(t, { ...region.executorConfig, peers, measureEverySeconds: 0.2 });
  const watched = watch(t, await gatewayClient(t, second, region.authorities));
  await until(() => watched.region()?.roundTrips.length === peers.length);

  const trips = Object.fromEntries((watched.region()?.roundTrips ?? []).map((trip) => [trip.region, trip]));
  t.deepEqual(
    peers.map((peer) => trips[peer.region]?.reachable),
    [true, true, false, false],
  );
  t.true((trips.near?.microseconds ?? 0) > 0);
  const admin = callAs(await region.token(), second.adminPort);
  t.is(((await admin('/v1/reachability')).body.reachability as object[]).length, 4);
});
