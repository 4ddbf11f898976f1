import test from 'ava';
import { nearestOf } from './nearest.ts';
import { describeBounds, isContradiction, isLowered, needsRestart, readParameter } from './parameters.ts';
import { accounts } from './postgresql/account-names.ts';
import { AT_REST, renderConfig } from './postgresql/config.ts';
import { layoutOf } from './postgresql/layout.ts';
import { PARAMETERS, RESERVED } from './postgresql/parameters.ts';
import { datastores } from './registry.ts';

function read(name: string, value: string | number | boolean): string {
  const definition = PARAMETERS[name];
  if (definition === undefined) return 'unknown';
  const result = readParameter(definition, value);
  return 'value' in result ? result.value : `wrong: ${result.wrong}`;
}

test('every value is written in one way only', (t) => {
  t.is(read('work_mem', '16384kB'), '16MB');
  t.is(read('work_mem', '16 mb'), '16MB');
  t.is(read('statement_timeout', '90000ms'), '90s');
  t.is(read('statement_timeout', '0s'), '0');
  t.is(read('max_connections', '0200'), '200');
  t.is(read('max_connections', 200), '200');
  t.is(read('autovacuum', true), 'on');
  t.is(read('autovacuum', 'FALSE'), 'off');
  t.is(read('random_page_cost', '1.10'), '1.1');
  t.is(read('default_transaction_isolation', 'Repeatable Read'), 'repeatable read');
});

test('a value of another kind, without a unit or out of bounds is refused, with what may be given', (t) => {
  t.regex(read('work_mem', '16'), /must be a size of 64kB to 16GB, with a unit/);
  t.regex(read('work_mem', '1kB'), /must be a size of 64kB/);
  t.regex(read('max_connections', '1.5'), /must be a whole number of 20 to 10000/);
  t.regex(read('max_connections', '19'), /of 20 to 10000/);
  t.regex(read('autovacuum', 'maybe'), /must be on or off/);
  t.regex(read('huge_pages', 'large'), /must be one of: off, on, try/);
  t.regex(read('statement_timeout', '-1s'), /must be a duration/);
  t.regex(read('work_mem', `16MB'\nfsync = 'off`), /wrong/);
  t.regex(read('work_mem', '9'.repeat(100)), /at most 64 characters/);
});

test('every default is a value that can be given, and nothing is both to be set and reserved', (t) => {
  for (const definition of datastores.all) {
    for (const [name, parameter] of Object.entries(definition.parameters)) {
      t.not(describeBounds(parameter), '', name);
      t.false(Object.hasOwn(definition.reserved ?? {}, name), name);
      // An empty default is what takes a value away.
      if (parameter.default === undefined || parameter.default === '') continue;
      t.deepEqual(readParameter(parameter, parameter.default), { value: parameter.default }, name);
    }
  }
  for (const name of ['fsync', 'full_page_writes', 'synchronous_standby_names', 'wal_log_hints', 'primary_conninfo']) {
    t.regex(RESERVED[name] ?? '', /^\S/, name);
  }
});

test('what changes tells whether a restart is needed, and who must be first', (t) => {
  t.false(needsRestart(PARAMETERS, {}, { work_mem: '16MB' }));
  t.true(needsRestart(PARAMETERS, { max_connections: '200' }, {}));
  t.false(needsRestart(PARAMETERS, { max_connections: '200' }, { max_connections: '200', jit: 'on' }));
  t.true(isLowered(PARAMETERS, { max_connections: '200' }, {}), 'the default is less');
  t.false(isLowered(PARAMETERS, {}, { max_connections: '200' }));
  t.false(isLowered(PARAMETERS, { shared_buffers: '1GB' }, { shared_buffers: '16MB' }), 'its order does not matter');
  t.true(
    isContradiction(
      PARAMETERS,
      {},
      { max_connections: '200', max_worker_processes: '8', max_locks_per_transaction: '64' },
    ) === false,
  );
  const mixed = { max_connections: '200', max_worker_processes: '8' };
  t.true(isContradiction(PARAMETERS, { max_worker_processes: '16' }, mixed));
});

test('the server is told what a tenant may set, and nothing that it may not, whatever is asked', (t) => {
  const member = {
    ...{ clusterId: 'c1', memberId: 'c1-1', address: '127.1.0.2', port: 5432, layout: layoutOf('/volume', '/run/x') },
    ...{ agentUser: 'root', timezone: 'UTC', sizes: { sharedBuffersMib: 32 } },
  };
  const config = renderConfig(
    {
      ...member,
      parameters: { work_mem: '16MB', fsync: 'off', max_connections: '200', jit: 'on', synchronous_standby_names: '' },
    },
    AT_REST,
  );
  t.regex(config, /^work_mem = '16MB'$/m);
  t.regex(config, /^max_connections = '200'$/m);
  t.regex(config, /^jit = 'on'$/m);
  t.is(config.match(/^fsync = /gm)?.length, 1);
  t.regex(config, /^fsync = 'on'$/m);
  t.regex(renderConfig(member, AT_REST), /^max_connections = '100'$/m);
});

test('names of users and databases leave nothing to quote, and are not those of the engine or of Argosy', (t) => {
  for (const name of ['app', '_x', 'a-b', 'orders_2026']) t.is(accounts.nameProblem('user', name), undefined, name);
  for (const name of [
    '',
    'App',
    '1a',
    'a b',
    'a"b',
    "a'b",
    'pg_monitor',
    'argosy_all_x',
    'postgres',
    'public',
    'admin',
  ]) {
    t.not(accounts.nameProblem('user', name), undefined, name);
  }
  for (const name of ['template1', 'admin', 'a'.repeat(41)]) t.not(accounts.nameProblem('database', name), undefined);
});

test('a name that is not there is answered with the nearest one', (t) => {
  t.is(nearestOf(Object.keys(PARAMETERS), 'max_conections'), 'max_connections');
  t.is(nearestOf(Object.keys(PARAMETERS), 'work_me'), 'work_mem');
  t.is(nearestOf(Object.keys(PARAMETERS), 'zzzzzzzzzzzz'), undefined);
  t.is(datastores.nearest('postgres'), 'postgresql');
});
