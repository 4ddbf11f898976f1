import test from 'ava';
import { made, orders, serve } from './server-for-tests.ts';

test('parameters are wished, shown with the generation that each member runs with, and taken away', async (t) => {
  const { call, world } = await made(t);
  const patch = async (parameters: unknown) => {
    const answer = await call('demo', 'PATCH', '/v2/clusters/orders', { cluster: { parameters } });
    t.is(answer.status, 202, JSON.stringify(answer.body));
    await world.until(() => world.federation.operation(answer.body.operation.id)?.status === 'DONE');
    return (await call('demo', 'GET', '/v2/clusters/orders')).body.cluster;
  };

  const set = await patch({ work_mem: '8192kB', max_connections: 200 });
  t.deepEqual(set.parameters, { max_connections: '200', work_mem: '8MB' });
  t.is(set.parameter_generation, 1);
  t.true(set.members.every((member: { parameter_generation: number }) => member.parameter_generation === 1));

  const less = await patch({ work_mem: null });
  t.deepEqual(less.parameters, { max_connections: '200' });
  t.is(less.parameter_generation, 2);
});

test('an unknown parameter is refused with the nearest name, a reserved one with the reason', async (t) => {
  const { call } = await made(t);
  const refused = async (parameters: unknown) =>
    (await call('demo', 'PATCH', '/v2/clusters/orders', { cluster: { parameters } })).body.error;

  t.like(await refused({ max_conections: 5 }), { code: 400, title: 'parameter.unknown' });
  t.regex((await refused({ max_conections: 5 })).message, /Did you mean "max_connections"\?/);
  t.like(await refused({ fsync: 'off' }), { code: 400, title: 'parameter.reserved' });
  t.regex((await refused({ fsync: 'off' })).message, /no acknowledged write is lost/);
  t.regex(
    (await refused({ max_connections: 'many' })).message,
    /cluster\.parameters\.max_connections: must be a whole/,
  );
  t.is((await refused({})).title, 'cluster.unchanged');
  t.is((await refused({ constructor: '1' })).title, 'parameter.unknown');
  const bodies = [orders.cluster, { ...orders.cluster, name: 'other', parameters: { work_mem: 'x' } }];
  t.is((await call('demo', 'POST', '/v2/clusters', { cluster: bodies[1] })).body.error.title, 'request.invalid');
});

test('some higher and some lower of what a replica needs at least: two changes, not one', async (t) => {
  const { call } = await made(t);
  const parameters = { max_connections: 50, max_worker_processes: 16 };

  const { body } = await call('demo', 'PATCH', '/v2/clusters/orders', { cluster: { parameters } });

  t.regex(body.error.message, /make it two changes/);
});

test('a datastore is shown with its parameters, and an unknown one refused with the nearest name', async (t) => {
  const { call } = await serve(t);
  const { body } = await call('viewer', 'GET', '/v2/datastores/postgresql');

  t.like(body.datastore, { type: 'postgresql', has_databases: true, privileges: ['read', 'write', 'all'] });
  const known = body.datastore.parameters.find(({ name }: { name: string }) => name === 'max_connections');
  t.like(known, { type: 'integer', default: '100', restart: true, values: '20 to 10000' });
  t.true(body.datastore.reserved_parameters.some(({ name }: { name: string }) => name === 'fsync'));
  const missing = await call('viewer', 'GET', '/v2/datastores/postgres');
  t.like(missing.body.error, { code: 404, title: 'datastore.not_found' });
  t.regex(missing.body.error.message, /Did you mean "postgresql"\?/);
});
