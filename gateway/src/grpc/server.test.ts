import { ClusterStatus, Consistency, OperationStatus, Survive } from '@argosy/proto';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import {
  clusters,
  datastores,
  events,
  hear,
  madeGrpc,
  metadataOf,
  operations,
  quotas,
  regions,
  serveGrpc,
  wish,
} from './server-for-tests.ts';

test('a cluster is made, found, changed, switched over and deleted, with the words of REST', async (t) => {
  const { world, call, ask } = await serveGrpc(t);
  world.elect();
  const done = async (id: string | undefined): Promise<void> => {
    await world.until(() => world.federation.operation(id ?? '')?.status === 'DONE');
    const { response } = await ask(operations.getOperation, { id: id ?? '' });
    t.is(response?.operation?.status, OperationStatus.DONE);
  };

  const placement = { survive: Survive.REGION, regions: [], residency: [] };
  const created = await ask(clusters.createCluster, { cluster: { ...wish('orders'), placement } });
  t.is(created.code, 'OK');
  t.like(created.response?.cluster, { name: 'orders', projectId: 'p', status: ClusterStatus.BUILD, flavor: 'small' });
  t.is(created.response?.credentials?.username, 'admin');
  await done(created.response?.operation?.id);

  const shown = await ask(clusters.getCluster, { id: 'orders' });
  const { body } = await call('demo', 'GET', '/v2/clusters/orders');
  t.is(shown.response?.cluster?.status, ClusterStatus.ACTIVE);
  t.is(shown.response?.cluster?.members.length, 3);
  t.is(shown.response?.cluster?.createdAt?.toISOString(), body.cluster.created_at);
  t.is(shown.response?.cluster?.endpoints?.readWrite, body.cluster.endpoints.read_write);

  const topology = { voters: undefined, replicas: 1, arbiters: undefined };
  const cluster = { ...wish(''), name: undefined, datastore: undefined, topology };
  const changed = await ask(clusters.updateCluster, { id: 'orders', cluster, ifMatch: shown.response?.etag });
  t.is(changed.response?.cluster?.topology?.replicas, 1);
  t.is(changed.response?.cluster?.topology?.voters, 3);
  await done(changed.response?.operation?.id);

  const switched = await ask(clusters.switchOver, { id: 'orders', to: 'orders-2' });
  t.is(switched.response?.operation?.kind, 'cluster.switchover');
  await done(switched.response?.operation?.id);
  const renewed = await ask(clusters.renewCredentials, { id: 'orders' });
  t.truthy(renewed.response?.credentials?.password);
  await done(renewed.response?.operation?.id);

  const deleted = await ask(clusters.deleteCluster, { id: 'orders' });
  await done(deleted.response?.operation?.id);
  t.is((await ask(clusters.getCluster, { id: 'orders' })).code, 'NOT_FOUND');
});

test('what is only read is answered, with or without a majority', async (t) => {
  const served = await madeGrpc(t);
  const { ask } = served;
  const consistency = Consistency.STALE;

  hear(served, 'UP');
  const listed = await ask(regions.listRegions, { consistency });
  t.is(listed.response?.regions[0]?.flavors[0]?.memoryMib, 512);
  const name = listed.response?.regions[0]?.name ?? '';
  t.is((await ask(regions.getRegion, { name })).response?.region?.name, name);
  t.is((await ask(datastores.listDatastores, {})).response?.datastores[0]?.type, 'postgresql');
  t.is((await ask(quotas.listQuotas, {}, { token: 'admin' })).response?.quotas[0]?.used?.clusters, 1);
  t.is((await ask(operations.listOperations, {})).response?.operations.length, 1);
  const page = await ask(events.listEvents, { after: '1', limit: 2, cluster: 'orders' });
  t.is(page.response?.events.length, 2);
});

test('a list has pages, and can be chosen from', async (t) => {
  const { ask } = await serveGrpc(t);
  for (const name of ['a', 'b', 'c']) await ask(clusters.createCluster, { cluster: wish(name) });

  const first = await ask(clusters.listClusters, { limit: 2 });
  t.deepEqual(
    first.response?.clusters.map(({ name }) => name),
    ['a', 'b'],
  );
  const rest = await ask(clusters.listClusters, { limit: 2, marker: first.response?.nextMarker });
  t.deepEqual(
    rest.response?.clusters.map(({ name }) => name),
    ['c'],
  );
  t.is(rest.response?.nextMarker, undefined);
  const active = await ask(clusters.listClusters, { status: ClusterStatus.ACTIVE });
  t.deepEqual(active.response?.clusters, []);
});

test('a dry run changes nothing, only the plan that was shown is made, and a key makes it once', async (t) => {
  const { ask, world } = await serveGrpc(t);
  const cluster = wish('orders');

  const dry = await ask(clusters.createCluster, { cluster, dryRun: true });
  t.is(world.federation.clusters().length, 0);
  const other = await ask(clusters.createCluster, { cluster, planHash: '0000' });
  t.like(other, { code: 'ABORTED', reason: 'plan.changed' });
  t.deepEqual(other.details.plan, dry.response?.plan);

  const keyed = { cluster, planHash: dry.response?.plan?.planHash, idempotencyKey: 'k' };
  const first = await ask(clusters.createCluster, keyed);
  const again = await ask(clusters.createCluster, keyed);
  t.is(again.response?.operation?.id, first.response?.operation?.id);
  t.is(again.response?.credentials, undefined);
  const misused = await ask(clusters.createCluster, { cluster: wish('bills'), idempotencyKey: 'k' });
  t.like(misused, { code: 'FAILED_PRECONDITION', reason: 'idempotency.key_reused' });
  t.is(world.federation.clusters().length, 1);
});

test('an error has the code, the title of REST, the fields at fault and when to try again', async (t) => {
  const { ask, call } = await madeGrpc(t, { burst: 12, quotas: { clusters: 1 } });
  const topology = { voters: 99, replicas: 99, arbiters: undefined };

  const invalid = await ask(clusters.createCluster, { cluster: { ...wish('9'), topology } });
  t.like(invalid, { code: 'INVALID_ARGUMENT', reason: 'request.invalid' });
  t.deepEqual(
    invalid.details.badRequest?.fieldViolations.map(({ field }) => field),
    ['cluster.name', 'cluster.topology.voters', 'cluster.topology.replicas'],
  );
  const limit = await ask(clusters.listClusters, { limit: 0 });
  t.is(limit.details.badRequest?.fieldViolations[0]?.field, 'limit');
  t.like(await ask(clusters.getCluster, {}), { code: 'INVALID_ARGUMENT', message: 'id: must be given.' });

  const cases = [
    [await ask(clusters.createCluster, { cluster: wish('orders') }), 'ALREADY_EXISTS', 'cluster.name_taken'],
    [await ask(clusters.createCluster, { cluster: wish('b') }), 'RESOURCE_EXHAUSTED', 'quota.exceeded'],
    [await ask(clusters.deleteCluster, { id: 'orders', ifMatch: '"9"' }), 'ABORTED', 'precondition.failed'],
    [await ask(operations.getOperation, { id: 'x' }), 'NOT_FOUND', 'operation.not_found'],
    [await ask(operations.cancelOperation, { id: 'x' }), 'NOT_FOUND', 'operation.not_found'],
    [await ask(regions.getRegion, { name: 'x' }), 'NOT_FOUND', 'region.not_found'],
    [await ask(quotas.listQuotas, {}), 'PERMISSION_DENIED', 'access.denied'],
  ] as const;
  for (const [{ code, reason }, wishedCode, wishedReason] of cases) {
    t.deepEqual([code, reason], [wishedCode, wishedReason]);
  }

  await call('demo', 'GET', '/v2/regions');
  const limited = await ask(regions.listRegions, {});
  t.like(limited, { code: 'RESOURCE_EXHAUSTED', reason: 'rate.limited' });
  t.like(limited.details.retry?.retryDelay, { seconds: 1 });
  t.is(limited.details.info?.domain, 'argosy');
});

test("who may do what follows from the token, and another project's cluster is not there", async (t) => {
  const { ask } = await madeGrpc(t);
  const get = (token?: string) => ask(clusters.getCluster, { id: 'orders' }, { token });
  const remove = (token: string) => ask(clusters.deleteCluster, { id: 'orders' }, { token });

  t.like(await get(), { code: 'UNAUTHENTICATED', reason: 'token.missing' });
  t.like(await get('forged'), { code: 'UNAUTHENTICATED', reason: 'token.invalid' });
  t.like(await get('nobody'), { code: 'PERMISSION_DENIED', reason: 'access.denied' });
  t.like(await get('stranger'), { code: 'NOT_FOUND', reason: 'cluster.not_found' });
  t.like(await get('viewer'), { code: 'OK' });
  t.like(await get('admin'), { code: 'OK' });
  t.like(await remove('viewer'), { code: 'PERMISSION_DENIED' });
  t.like(await remove('stranger'), { code: 'NOT_FOUND' });
  const theirs = await ask(events.listEvents, { cluster: 'orders' }, { token: 'stranger' });
  t.like(theirs, { code: 'NOT_FOUND', reason: 'cluster.not_found' });
  const listed = await ask(clusters.listClusters, {}, { token: 'stranger' });
  t.deepEqual(listed.response?.clusters, []);
});

test("the client's request id is in the answer, in the error, in the log line and in what is made", async (t) => {
  const { ask, logged, world, metrics } = await serveGrpc(t);
  const metadata = { 'x-openstack-request-id': 'req-mine' };

  const created = await ask(clusters.createCluster, { cluster: wish('orders') }, { metadata });
  t.is(created.requestId, 'req-mine');
  t.is(world.federation.operation(created.response?.operation?.id ?? '')?.requestId, 'req-mine');
  const failed = await ask(clusters.getCluster, { id: 'x' }, { metadata });
  t.is(failed.details.request?.requestId, 'req-mine');
  const other = await ask(clusters.getCluster, { id: 'x' }, { metadata: { 'x-openstack-request-id': 'no' } });
  t.is(other.requestId, 'req-generated');

  t.like(logged[0], {
    ...{ message: 'request', request_id: 'req-mine', rpc: 'argosy.v2.ClusterService/CreateCluster', code: 'OK' },
    ...{ route: 'clusters.create', project_id: 'p', user_id: 'demo' },
  });
  t.false(JSON.stringify(logged).includes(created.response?.credentials?.password ?? '?'));
  const text = await metrics.text();
  t.regex(text, /argosy_grpc_requests_total\{method="argosy.v2.ClusterService\/GetCluster",code="NOT_FOUND"\} 2/);
});

test('what is too long to come back, too large to be taken, or no message at all is refused as that', async (t) => {
  const served = await serveGrpc(t);
  const { ask, address, world } = served;

  t.like(await ask(clusters.getCluster, { id: 'x'.repeat(100_000) }), { code: 'INVALID_ARGUMENT' });
  t.like(await ask(clusters.getCluster, { id: 'x'.repeat(300_000) }), { code: 'RESOURCE_EXHAUSTED' });
  hear(served, 'UP');
  const wide = { ...wish('orders'), flavor: '🦦'.repeat(120) };
  const told = await ask(clusters.createCluster, { cluster: wide });
  t.like(told, { code: 'INVALID_ARGUMENT', reason: 'request.invalid' });
  t.regex(told.message ?? '', /^cluster.flavor: no region has a flavor ".+\.\.\.$/);
  t.like(await ask(clusters.createCluster, { cluster: wish('a\0b') }), { code: 'INVALID_ARGUMENT' });
  const many = Array.from({ length: 60 }, (_, index) => `${index}`.repeat(100));
  const placement = { survive: 77 as never, regions: many, residency: [] };
  t.like(await ask(clusters.createCluster, { cluster: { ...wish('a'), placement } }), {
    code: 'INVALID_ARGUMENT',
  });

  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  t.teardown(() => client.close());
  const asIs = (bytes: Buffer): Buffer => bytes;
  const raw = (path: string, bytes: Buffer): Promise<grpc.ServiceError | null> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(path, asIs, asIs, bytes, metadataOf({}), (error) => resolve(error));
    });
  const malformed = await raw('/argosy.v2.ClusterService/CreateCluster', Buffer.from('ffff', 'hex'));
  t.is(malformed?.code, grpc.status.INVALID_ARGUMENT);
  t.is((await raw('/argosy.v2.ClusterService/Nothing', Buffer.alloc(0)))?.code, grpc.status.UNIMPLEMENTED);
  t.is(world.federation.clusters().length, 0);
});

test('what nobody waits for any more is not begun', async (t) => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let end = (_code: string): void => undefined;
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  const caller = { ...{ userId: 'u', userName: 'u', projectId: 'p', projectName: 'p' }, roles: ['member'] };
  let cancel = (): void => undefined;
  const identify = async (token: string | undefined) => {
    if (token === 'later') release();
    else cancel();
    await held;
    return caller;
  };
  const measure = ({ method, code }: { method: string; code: string }): void => {
    if (method.endsWith('/CreateCluster')) end(code);
  };
  const { ask, world } = await serveGrpc(t, { callers: { identify }, measure });

  const given = await ask(
    clusters.createCluster,
    { cluster: wish('orders') },
    { onCall: (call) => (cancel = () => call.cancel()) },
  );
  t.is(given.code, 'CANCELLED');
  // On one connection the server sees in order that the first call was given up, and the second one.
  t.is((await ask(clusters.listClusters, {}, { token: 'later' })).code, 'OK');
  t.is(await ended, 'CANCELLED');
  t.is(world.federation.clusters().length, 0);
});

test('a fault of ours says nothing of itself but the request id', async (t) => {
  const write = async (): Promise<never> => {
    throw new Error('secret');
  };
  const { ask, logged } = await serveGrpc(t, { write });
  const { code, message, reason, details } = await ask(clusters.createCluster, { cluster: wish('orders') });

  t.deepEqual([code, reason, details.request?.requestId], ['INTERNAL', 'internal.error', 'req-generated']);
  t.false(message?.includes('secret'));
  t.true(String(logged.find((line) => line.message === 'request failed')?.error).includes('secret'));
});
