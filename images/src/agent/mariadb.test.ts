// What the contract does not ask of every engine: that a voter of MariaDB keeps what it acknowledged and has not applied,
// that nothing ends a commit's wait for its copy, and parameters, users and databases on the real server. The tests are
// one story: each begins where the one before it ended.
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { datastores } from '@argosy/datastores';
import { fixtures } from '@argosy/datastores/contract';
import { callUnary, type Position } from '@argosy/proto';
import test from 'ava';
import mysql from 'mysql2/promise';
import { newFederation } from '../testing/federation.ts';
import { Guest } from '../testing/guest.ts';
import { WAIT_MS as GUEST_WAIT_MS, pause, soon } from '../testing/waiting.ts';

const PASSWORD = 'correct horse battery';
const OTHER_PASSWORD = 'staple of the other';
const LIMIT_MS = 120_000;
const WRITES = 20;
const WAIT_MS = 1_000;
const mariadb = datastores.find('mariadb');
const verifierOf = (password: string): string => mariadb?.passwordVerifier(password, Buffer.alloc(16, 7)) ?? '';
const admin = { name: 'admin', verifier: verifierOf(PASSWORD), generation: 1 };

let [first, second, third]: [Guest, Guest, Guest] = [] as never;
const seeded: Position[] = [];
let asked = 0;
const endings: (() => Promise<void>)[] = [];

test.before(async (t) => {
  t.timeout(LIMIT_MS);
  const federation = await newFederation();
  const { mariadb: engine } = fixtures;
  const boot = (ordinal: number) =>
    Guest.boot(federation, { clusterId: 'm1', ordinal, ...(engine && { engine }) }, (call) => {
      endings.push(call);
    });
  [first, second, third] = [await boot(1), await boot(2), await boot(3)];
  const all = [first, second, third];
  await Promise.all(all.map((guest) => guest.enrol()));
  await first.initialise();
  await first.promote(1, 1, { voters: all, admin });
  seeded.push(await second.seed(1, 1, first));
  await second.follow(1, 1, first);
  await first.open(1, 1);
  await dropFirstLog(first);
  seeded.push(await third.seed(1, 1, first));
  await third.follow(1, 1, first);
});

/** As happens by itself after a day. */
async function dropFirstLog(guest: Guest): Promise<void> {
  await inside(guest, 'flush binary logs');
  const deadline = Date.now() + GUEST_WAIT_MS;
  for (;;) {
    // It stays while a replica still reads it.
    await inside(guest, "purge binary logs to 'binlog.000002'");
    const [log] = await inside(guest, 'show binary logs');
    if (log?.Log_name === 'binlog.000002') return;
    if (Date.now() > deadline) throw new Error('The first log stays.');
    await pause(50);
  }
}

test.after.always(async () => {
  await Promise.allSettled(endings.map((end) => end()));
});

/** As the agent comes in. */
async function inside(guest: Guest, statement: string): Promise<Record<string, unknown>[]> {
  const socketPath = join(guest.folder, 'run/db/mariadb.sock');
  const client = await mysql.createConnection({ socketPath, user: userInfo().username });
  const [rows] = await client.query(statement).finally(() => client.destroy());
  return rows as Record<string, unknown>[];
}

async function clientOf(user: string, database: string, password: string, { address } = first) {
  const client = await mysql.createConnection({
    ...{ host: address, port: 3306, user, password, database, connectTimeout: 3_000 },
    ssl: { ca: first.federation.root },
  });
  client.on('error', () => {});
  return client;
}

async function as(user: string, database: string, statement: string, password = OTHER_PASSWORD) {
  const client = await clientOf(user, database, password);
  const [rows] = await client.query(statement).finally(() => client.destroy());
  return rows as Record<string, unknown>[];
}

async function set(guest: Guest, generation: number, values: Record<string, string>, mayRestart = false) {
  asked += 1;
  const header = guest.header(1, 1, `parameters-${asked}`);
  const request = { header, generation, values, mayRestart };
  return await callUnary(guest.agent.setParameters.bind(guest.agent), request, { deadline: soon() });
}

async function setting(guest: Guest, name: string): Promise<string> {
  const [row] = await inside(guest, `select @@global.${name} as value`);
  return String(row?.value);
}

test.serial(
  'data begin as the template while the primary has all of its log, and else as a copy; both are the same',
  async (t) => {
    t.deepEqual(seeded[0], { epoch: 0, value: '0' });
    t.is(seeded[1]?.epoch, 1);
    for (const question of [
      'select epoch from argosy.epoch',
      'show databases',
      "select user from mysql.user where host = '%' and user not regexp '[.][0-9]+$'",
    ]) {
      const [led, begun, copied] = await Promise.all([first, second, third].map((guest) => inside(guest, question)));
      t.deepEqual(begun, led);
      t.deepEqual(copied, led);
    }
  },
);

test.serial('what is known of every parameter is what the server says of it', async (t) => {
  const query = 'select lower(variable_name) as name, read_only as fixed from information_schema.system_variables';
  const server = new Map((await inside(first, query)).map(({ name, fixed }) => [String(name), fixed]));
  // An option of this release, and a variable of the next.
  server.set('transaction_isolation', 'YES');

  for (const [name, { restart }] of Object.entries(mariadb?.parameters ?? {})) {
    t.is(server.get(name), restart ? 'YES' : 'NO', name);
  }
});

test.serial('every parameter takes its default, and one that is taken away has it again', async (t) => {
  const live = Object.entries(mariadb?.parameters ?? {}).filter(([, { restart }]) => !restart);
  const values = Object.fromEntries(live.map(([name, definition]) => [name, definition.default ?? '100']));
  t.deepEqual(await set(second, 1, values), { restartNeeded: false });

  t.deepEqual(await set(first, 2, { sort_buffer_size: '4MB', wait_timeout: '90' }), { restartNeeded: false });
  t.is(await setting(first, 'sort_buffer_size'), String(4 * 1024 ** 2));
  t.deepEqual(await set(first, 3, { wait_timeout: '90' }), { restartNeeded: false });
  t.is(await setting(first, 'sort_buffer_size'), String(2 * 1024 ** 2));
  t.is(await setting(first, 'wait_timeout'), '90');
});

test.serial('a parameter that needs a restart waits for leave, and is in force after it', async (t) => {
  t.timeout(LIMIT_MS);
  t.deepEqual(await set(second, 4, { transaction_isolation: 'read-committed' }), { restartNeeded: true });
  t.deepEqual(await set(second, 4, { transaction_isolation: 'read-committed' }, true), { restartNeeded: false });
  t.is(await setting(second, 'tx_isolation'), 'READ-COMMITTED');
  await first.report((seen) => seen.streams.filter(({ streaming }) => streaming).length === 2);
});

async function setAccounts(generation: number, wished: object): Promise<unknown> {
  asked += 1;
  const header = first.header(1, 1, `accounts-${asked}`);
  const request = { header, generation, users: [], databases: [], goneUsers: [], goneDatabases: [], ...wished };
  return await callUnary(first.agent.setAccounts.bind(first.agent), request, { deadline: soon() });
}

const user = (name: string, privilege: string, password = OTHER_PASSWORD) => ({
  ...{ name, verifier: verifierOf(password) },
  grants: privilege === '' ? [] : [{ database: 'a_b', privilege }],
});

test.serial('users do in a database what is granted to them there, and nothing elsewhere', async (t) => {
  const users = [user('owner-1', 'all'), user('clerk', 'write'), user('guest', 'read')];
  const wished = { databases: ['a_b', 'axb'], users };
  await setAccounts(1, wished);
  await setAccounts(1, wished);

  await as('owner-1', 'a_b', 'create table items (name text)');
  await as('clerk', 'a_b', "insert into items values ('lamp')");
  t.deepEqual(await as('guest', 'a_b', 'select name from items'), [{ name: 'lamp' }]);
  await t.throwsAsync(as('guest', 'a_b', "insert into items values ('x')"), { message: /denied/ });
  await t.throwsAsync(as('clerk', 'a_b', 'drop table items'), { message: /denied/ });
  for (const other of ['axb', 'mysql', 'argosy', 'admin']) {
    await t.throwsAsync(as('owner-1', other, 'select 1'), { message: /Access denied/ }, other);
  }
  for (const statement of ['create user u', 'set sql_log_bin = 0', 'set global rpl_semi_sync_master_enabled = off']) {
    await t.throwsAsync(as('admin', 'a_b', statement, PASSWORD), { message: /denied/ }, statement);
  }
  t.is((await as('admin', 'a_b', 'select name from items', PASSWORD)).length, 1);
});

test.serial('what is taken away is gone, and what is not named is left alone', async (t) => {
  await setAccounts(2, { databases: ['a_b'], users: [user('clerk', ''), user('guest', 'read', 'another word')] });
  await t.throwsAsync(as('clerk', 'a_b', 'select 1'), { message: /Access denied/ });
  await t.throwsAsync(as('guest', 'a_b', 'select 1'), { message: /Access denied/ });
  t.is((await as('guest', 'a_b', 'select name from items', 'another word')).length, 1);
  t.is((await as('owner-1', 'a_b', 'select name from items')).length, 1);

  await setAccounts(3, { goneUsers: ['owner-1', 'clerk', 'guest'], goneDatabases: ['a_b', 'axb'] });
  await setAccounts(3, { goneUsers: ['owner-1', 'clerk', 'guest'], goneDatabases: ['a_b', 'axb'] });
  await t.throwsAsync(as('owner-1', 'a_b', 'select 1'), { message: /Access denied/ });
  await t.throwsAsync(as('admin', 'a_b', 'select 1', PASSWORD), { message: /Access denied|Unknown database/ });
});

test.serial('a voter that crashes before it has applied what it acknowledged has it all the same', async (t) => {
  t.timeout(LIMIT_MS);
  await as('admin', 'admin', 'create table numbers (n int primary key)', PASSWORD);
  await third.report(({ position }) => position !== undefined);
  await third.killAgent();
  process.kill((await third.serverPid()) ?? 0, 'SIGKILL');
  await second.killAgent();
  await inside(second, 'stop slave sql_thread');
  const client = await clientOf('admin', 'admin', PASSWORD);
  for (let n = 1; n <= WRITES; n++) await client.query('insert into numbers values (?)', [n]);
  client.destroy();
  t.deepEqual(await inside(second, 'select n from admin.numbers'), [], 'received, and not applied');

  await first.killAgent();
  for (const guest of [first, second]) process.kill((await guest.serverPid()) ?? 0, 'SIGKILL');
  for (const guest of [second, third]) guest.start();
  const promised = [await second.promise(2), await third.promise(2)] as const;
  t.true((mariadb?.comparePositions(promised[0], promised[1]) ?? 0) > 0);
  await second.promote(2, 1, { voters: [first, second, third], admin });
  await third.follow(2, 1, second);
  await second.open(2, 1);
  const rows = await inside(second, 'select count(*) as n from admin.numbers');
  t.is(Number(rows[0]?.n), WRITES);
});

test.serial('a primary whose voters are silent acknowledges nothing, not even when a time is set for it', async (t) => {
  t.timeout(LIMIT_MS);
  const frozen = (await third.serverPid()) ?? 0;
  process.kill(frozen, 'SIGSTOP');
  const statements = [
    'insert into numbers values (1001)',
    'set statement max_statement_time = 0.3 for insert into numbers values (1002)',
  ];
  const clients = await Promise.all(statements.map(() => clientOf('admin', 'admin', PASSWORD, second)));
  try {
    const answers = statements.map((statement, index) => clients[index]?.query(statement).then(() => 'OK', String));
    const late = new Promise<string>((resolve) => setTimeout(() => resolve('none'), WAIT_MS));
    for (const answer of answers) t.is(await Promise.race([answer, late]), 'none');
  } finally {
    for (const client of clients) client.destroy();
    process.kill(frozen, 'SIGCONT');
  }
});
