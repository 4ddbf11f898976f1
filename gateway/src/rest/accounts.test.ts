import test, { type ExecutionContext } from 'ava';
import { made, type Served } from './server-for-tests.ts';

const USERS = '/v2/clusters/orders/users';
const DATABASES = '/v2/clusters/orders/databases';

/** Asks, and waits for the operation. */
async function does(t: ExecutionContext, { call, world }: Served, method: string, path: string, body?: unknown) {
  const answer = await call('demo', method, path, body);
  t.is(answer.status, 202, JSON.stringify(answer.body));
  await world.until(() => world.federation.operation(answer.body.operation.id)?.status === 'DONE');
  return answer.body;
}

test('a database and a user with a grant are made, shown, changed and removed', async (t) => {
  const served = await made(t);
  const { call } = served;
  await does(t, served, 'POST', DATABASES, { database: { name: 'shop' } });
  const grants = [{ database: 'shop', privilege: 'write' }];
  const created = await does(t, served, 'POST', USERS, { user: { name: 'app', grants } });

  t.is(created.credentials.username, 'app');
  t.is(created.credentials.database, 'shop');
  t.is(created.operation.kind, 'user.create');
  t.deepEqual((await call('viewer', 'GET', USERS)).body, { users: [{ name: 'app', grants, status: 'ACTIVE' }] });
  t.deepEqual((await call('viewer', 'GET', DATABASES)).body, { databases: [{ name: 'shop', status: 'ACTIVE' }] });

  await does(t, served, 'POST', `${USERS}/app/grant`, { database: 'shop', privilege: 'read' });
  t.is((await call('demo', 'GET', `${USERS}/app`)).body.user.grants[0].privilege, 'read');
  await does(t, served, 'POST', `${USERS}/app/revoke`, { database: 'shop' });
  t.deepEqual((await call('demo', 'GET', `${USERS}/app`)).body.user.grants, []);
  const renewed = await does(t, served, 'POST', `${USERS}/app/password`, {});
  t.is(renewed.credentials.username, 'app');

  await does(t, served, 'DELETE', `${USERS}/app`);
  t.is((await call('demo', 'GET', `${USERS}/app`)).body.error.title, 'user.not_found');
  await does(t, served, 'DELETE', `${DATABASES}/shop`);
  t.deepEqual((await call('demo', 'GET', DATABASES)).body, { databases: [] });
});

test('a password is in the one answer, and in nothing that is kept', async (t) => {
  const served = await made(t);
  const { world } = served;

  const { credentials } = await does(t, served, 'POST', USERS, { user: { name: 'app' } });

  const kept = Buffer.from(world.federation.snapshot()).toString();
  t.true(credentials.password.length >= 32);
  t.false(kept.includes(credentials.password));
  t.true(kept.includes('SCRAM-SHA-256$'));
  t.false(JSON.stringify(served.logged).includes(credentials.password));
});

test('what cannot be had is refused in words, and changes nothing', async (t) => {
  const served = await made(t);
  const { call, world } = served;
  await does(t, served, 'POST', DATABASES, { database: { name: 'shop' } });
  const revision = world.federation.clusters()[0]?.revision;
  const refused = async (method: string, path: string, body?: unknown): Promise<string> => {
    const answer = await call('demo', method, path, body);
    return `${answer.status} ${answer.body.error.title}`;
  };

  t.is(await refused('POST', USERS, { user: { name: 'postgres' } }), '400 request.invalid');
  t.is(await refused('POST', USERS, { user: { name: 'a"; drop table x' } }), '400 request.invalid');
  t.is(await refused('POST', USERS, { user: { name: 'app', colour: 1 } }), '400 request.invalid');
  const elsewhere = { name: 'app', grants: [{ database: 'nowhere', privilege: 'read' }] };
  t.is(await refused('POST', USERS, { user: elsewhere }), '404 database.not_found');
  const unknown = { name: 'app', grants: [{ database: 'shop', privilege: 'own' }] };
  t.is(await refused('POST', USERS, { user: unknown }), '400 request.invalid');
  t.is(await refused('POST', DATABASES, { database: { name: 'shop' } }), '409 database.name_taken');
  t.is(await refused('POST', DATABASES, { database: { name: 'template1' } }), '400 request.invalid');
  t.is(await refused('DELETE', `${USERS}/nobody`), '404 user.not_found');
  t.is(await refused('DELETE', `${DATABASES}/admin`), '404 database.not_found');
  t.is((await call('viewer', 'POST', USERS, { user: { name: 'app' } })).status, 403);
  t.is((await call('stranger', 'GET', USERS)).status, 404);
  t.is(world.federation.clusters()[0]?.revision, revision);
});

test('a dry run shows the step, and a cluster has room for so many users only', async (t) => {
  const { call, world } = await made(t);
  const { body } = await call('demo', 'POST', `${USERS}?dry_run=true`, { user: { name: 'app' } });
  t.deepEqual(
    body.plan.steps.map((step: { kind: string }) => step.kind),
    ['set_accounts'],
  );

  const cluster = world.federation.clusters()[0];
  if (cluster === undefined) throw new Error('There is a cluster.');
  const users = Array.from({ length: 100 }, (_, index) => ({ name: `u${index}`, verifier: '', grants: [] }));
  const accounts = { generation: 1, users, databases: [], gone: { users: [], databases: [] } };
  world.commit({
    ...({
      kind: 'accounts.changed',
      clusterId: cluster.id,
      operationId: 'full',
      operationKind: 'user.create',
    } as const),
    ...{ requestId: 'r', steps: [], baseRevision: cluster.revision, accounts },
  });
  await world.until(() => world.federation.operation('full')?.status === 'DONE');
  t.is((await call('demo', 'POST', USERS, { user: { name: 'app' } })).body.error.title, 'quota.exceeded');
});
