// Parameters, users and databases on two real members. The tests are one story: each begins where the one before it ended.
import { datastores } from '@argosy/datastores';
import { callUnary } from '@argosy/proto';
import test from 'ava';
import pg from 'pg';
import { newFederation } from '../testing/federation.ts';
import { Guest } from '../testing/guest.ts';
import { PORT } from '../testing/place.ts';
import { soon } from '../testing/waiting.ts';

const PASSWORD = 'correct horse battery';
const OTHER_PASSWORD = 'staple of the other';
const postgresql = datastores.find('postgresql');
const verifierOf = (password: string): string => postgresql?.passwordVerifier(password, Buffer.alloc(16, 7)) ?? '';
const admin = { name: 'admin', verifier: verifierOf(PASSWORD), generation: 1 };

let [first, second]: [Guest, Guest] = [] as never;
let revision = 1;
const endings: (() => Promise<void>)[] = [];

test.before(async () => {
  const federation = await newFederation();
  const boot = (ordinal: number) =>
    Guest.boot(federation, { clusterId: 'c7', ordinal }, (call) => {
      endings.push(call);
    });
  [first, second] = [await boot(1), await boot(2)];
  await Promise.all([first.enrol(), second.enrol()]);
  await first.initialise();
  await first.promote(1, 1, { voters: [first, second], admin });
  await second.seed(1, 1, first);
  await second.follow(1, 1, first);
  await first.open(1, 1);
});

test.after.always(async () => {
  await Promise.allSettled(endings.map((end) => end()));
});

async function set(guest: Guest, generation: number, values: Record<string, string>, mayRestart = false) {
  revision += 1;
  const header = { ...guest.header(1, 1, `parameters-${revision}`), specRevision: revision };
  const request = { header, generation, values, mayRestart };
  return await callUnary(guest.agent.setParameters.bind(guest.agent), request, { deadline: soon() });
}

async function setting(guest: Guest, name: string): Promise<string> {
  const client = await guest.inside();
  try {
    const { rows } = await client.query('select current_setting($1) as value', [name]);
    return (rows[0] as { value: string }).value;
  } finally {
    await client.end();
  }
}

test.serial('what is known of every parameter is what the server says of it', async (t) => {
  const client = await first.inside();
  const { rows } = await client.query('select name, context, vartype from pg_settings');
  await client.end();
  const server = new Map((rows as { name: string; context: string; vartype: string }[]).map((row) => [row.name, row]));

  for (const [name, { restart }] of Object.entries(postgresql?.parameters ?? {})) {
    t.is(server.get(name)?.context === 'postmaster', restart, name);
  }
  const known = new Set([...server.keys()].map((name) => name.toLowerCase()));
  for (const name of Object.keys(postgresql?.reserved ?? {})) t.true(known.has(name), name);
});

test.serial('every parameter takes its default, written out', async (t) => {
  const live = Object.entries(postgresql?.parameters ?? {}).filter(([, { restart }]) => !restart);
  const values = Object.fromEntries(live.map(([name, definition]) => [name, definition.default ?? '']));

  t.deepEqual(await set(second, 1, values), { restartNeeded: false });
});

test.serial('a live parameter is in force at once, and one that is taken away has its default again', async (t) => {
  t.deepEqual(await set(first, 2, { work_mem: '16MB', statement_timeout: '90s' }), { restartNeeded: false });
  t.is(await setting(first, 'work_mem'), '16MB');
  t.is(await setting(first, 'statement_timeout'), '90s');
  t.deepEqual(await set(first, 3, { work_mem: '16MB' }), { restartNeeded: false });
  t.is(await setting(first, 'statement_timeout'), '0');
});

test.serial(
  'without leave to restart nothing changes; with it the replica follows again with the new value',
  async (t) => {
    const before = await second.databasePid();
    t.deepEqual(await set(second, 4, { max_connections: '150' }), { restartNeeded: true });
    t.is(await setting(second, 'max_connections'), '100');
    t.is(await second.databasePid(), before);

    t.deepEqual(await set(second, 4, { max_connections: '150' }, true), { restartNeeded: false });
    t.is(await setting(second, 'max_connections'), '150');
    t.not(await second.databasePid(), before);
    await first.report((seen) => seen.streams.some((stream) => stream.countsForCommit));
  },
);

test.serial('a server that does not start with a value runs again with the one of before, and says why', async (t) => {
  // No machine of a test has huge pages set aside.
  const tooMuch = { max_connections: '150', huge_pages: 'on' };

  const error = await t.throwsAsync(set(second, 5, tooMuch, true));

  t.regex(
    error?.message ?? '',
    /does not start with these parameters, and has those of before again: .*(memory|FATAL)/,
  );
  t.is((error as { code?: number } | undefined)?.code, 9);
  t.is(await setting(second, 'max_connections'), '150');
  t.is(await setting(second, 'huge_pages'), 'try');
  t.deepEqual(await set(second, 6, { max_connections: '150' }), { restartNeeded: false });
});

test.serial('an agent that dies while it tries begins with what was in force', async (t) => {
  const trying = set(second, 7, { max_connections: '170' }, true).catch(() => undefined);
  await second.report((seen) => !seen.up);
  await second.end('SIGKILL');
  second.start();
  await trying;
  await second.report((seen) => seen.up);
  t.deepEqual(await set(second, 7, { max_connections: '170' }, true), { restartNeeded: false });
  t.is(await setting(second, 'max_connections'), '170');
});

test.serial('the primary restarts in place, and opens when its voters have what it began with', async (t) => {
  t.deepEqual(await set(first, 8, { max_connections: '150', work_mem: '16MB' }, true), { restartNeeded: false });
  const client = await first.connect(PASSWORD);
  const { rows } = await client.query('show max_connections');
  await client.end();
  t.is((rows[0] as { max_connections: string }).max_connections, '150');
});

async function setAccounts(generation: number, wished: object): Promise<unknown> {
  revision += 1;
  const header = { ...first.header(1, 1, `accounts-${revision}`), specRevision: revision };
  const request = { header, generation, users: [], databases: [], goneUsers: [], goneDatabases: [], ...wished };
  return await callUnary(first.agent.setAccounts.bind(first.agent), request, { deadline: soon() });
}

async function as(user: string, database: string, statement: string, password = OTHER_PASSWORD): Promise<unknown[]> {
  const client = new pg.Client({
    ...{ host: first.address, port: PORT, user, password, database, connectionTimeoutMillis: 3_000 },
    ssl: { ca: first.federation.root },
  });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

const user = (name: string, privilege: string, password = OTHER_PASSWORD) => ({
  ...{ name, verifier: verifierOf(password) },
  grants: privilege === '' ? [] : [{ database: 'shop', privilege }],
});

test.serial('users do in a database what is granted to them there, and nothing elsewhere', async (t) => {
  const wished = {
    databases: ['shop'],
    users: [user('owner-1', 'all'), user('clerk', 'write'), user('guest', 'read')],
  };
  await setAccounts(1, wished);
  await setAccounts(1, wished);

  await as('owner-1', 'shop', 'create table items (name text)');
  await as('clerk', 'shop', "insert into items values ('lamp')");
  t.deepEqual(await as('guest', 'shop', 'select name from items'), [{ name: 'lamp' }]);
  await t.throwsAsync(as('guest', 'shop', "insert into items values ('x')"), { message: /permission denied/ });
  await t.throwsAsync(as('clerk', 'shop', 'drop table items'), { message: /must be owner/ });
  await t.throwsAsync(as('clerk', 'shop', 'create role r'), { message: /permission denied/ });
  t.deepEqual(await as('admin', 'shop', 'select count(*)::int as n from items', PASSWORD), [{ n: 1 }]);
});

test.serial('a grant is taken away, a password is new, and what is not named is left alone', async (t) => {
  await setAccounts(2, { databases: ['shop'], users: [user('clerk', ''), user('guest', 'read', 'another word')] });

  await t.throwsAsync(as('clerk', 'shop', 'select 1'), { message: /permission denied for database/ });
  await t.throwsAsync(as('guest', 'shop', 'select 1'), { message: /password authentication failed/ });
  t.is((await as('guest', 'shop', 'select 1', 'another word')).length, 1);
  t.is((await as('owner-1', 'shop', 'select name from items')).length, 1);
});

test.serial(
  'who is gone leaves what it made, a database that is gone leaves nothing, and a repeat finds it done',
  async (t) => {
    const users = [user('guest', 'read')];
    await setAccounts(3, { databases: ['shop'], users, goneUsers: ['owner-1', 'clerk'] });
    await setAccounts(3, { databases: ['shop'], users, goneUsers: ['owner-1', 'clerk'] });
    await t.throwsAsync(as('owner-1', 'shop', 'select 1'), { message: /password authentication failed/ });
    t.is((await as('guest', 'shop', 'select name from items')).length, 1);

    await setAccounts(4, { users: [user('guest', '')], goneDatabases: ['shop'] });
    await setAccounts(4, { users: [user('guest', '')], goneDatabases: ['shop'] });
    await t.throwsAsync(as('admin', 'shop', 'select 1', PASSWORD), { message: /does not exist/ });
    const client = await first.inside();
    const { rows } = await client.query("select rolname from pg_roles where rolname like 'argosy\\_all%'");
    await client.end();
    t.deepEqual(rows, []);
  },
);

test.serial('what was not made here is not touched, and a name cannot leave its quotes', async (t) => {
  await as('admin', 'admin', 'create database own', PASSWORD);
  const taken = setAccounts(5, { databases: ['own'] });
  await t.throwsAsync(taken, { message: /made in another way/ });
  await setAccounts(6, { goneDatabases: ['own'], goneUsers: ['nobody'] });
  t.is((await as('admin', 'own', 'select 1', PASSWORD)).length, 1);
  for (const name of ['admin', 'argosy', 'a"b', 'pg_monitor']) {
    await t.throwsAsync(setAccounts(7, { users: [user(name, '')] }), { message: /The user/ }, name);
  }
  await t.throwsAsync(setAccounts(8, { users: [{ name: 'plain', verifier: 'secret', grants: [] }] }), {
    message: /no SCRAM verifier/,
  });
  await t.throwsAsync(
    callUnary(
      second.agent.setAccounts.bind(second.agent),
      {
        header: { ...second.header(1, 1), specRevision: 99 },
        generation: 9,
        users: [],
        databases: [],
        goneUsers: [],
        goneDatabases: [],
      },
      { deadline: soon() },
    ),
    { message: /Only the primary/ },
  );
});
