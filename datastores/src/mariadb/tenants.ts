// Users and databases of a tenant, on the primary. Those that we made are in tables of ours, so that nobody else's is
// changed or removed. Every statement may be repeated, and waits for a voter like any commit.
import type { Accounts, UserAccount } from '../accounts.ts';
import { DriverError } from '../driver.ts';
import { accounts as definition, serverPrivileges } from './account-names.ts';
import { OWN_DATABASE, quotedName, quotedText } from './accounts.ts';
import type { Connection } from './connection.ts';
import { mariadb } from './definition.ts';
import { isNativeVerifier } from './password.ts';

const DROP_MS = 120_000;

/** @throws DriverError */
export async function setAccounts(wished: Accounts, connection: Connection): Promise<void> {
  demandNames(wished);
  for (const kind of ['users', 'databases']) {
    await connection.query(
      `create table if not exists ${OWN_DATABASE}.${kind} (name varchar(128) primary key) engine = InnoDB`,
    );
  }
  for (const { name } of wished.databases) await ensureDatabase(name, connection);
  for (const user of wished.users) await ensureUser(user, connection);
  for (const name of wished.gone.users) await removeUser(name, connection);
  for (const name of wished.gone.databases) await removeDatabase(name, connection);
}

/** Asked once more where the statements are made. @throws DriverError refused */
function demandNames({ users, databases, gone }: Accounts): void {
  const names = [
    ...[...users.map(({ name }) => name), ...gone.users].map((name) => ['user', name] as const),
    ...[...databases.map(({ name }) => name), ...gone.databases].map((name) => ['database', name] as const),
    ...users.flatMap(({ grants }) => grants.map(({ database }) => ['database', database] as const)),
  ];
  for (const [kind, name] of names) {
    const problem = definition.nameProblem(kind, name);
    if (problem !== undefined) throw new DriverError('refused', `The ${kind} "${name}" ${problem}.`);
  }
  for (const { name, verifier, grants } of users) {
    if (!isNativeVerifier(verifier))
      throw new DriverError('refused', `User "${name}" comes with no hash of a password.`);
    const unknown = grants.find(({ privilege }) => !definition.privileges.includes(privilege));
    if (unknown !== undefined) throw new DriverError('refused', `There is no privilege "${unknown.privilege}".`);
  }
}

async function ensureDatabase(name: string, connection: Connection): Promise<void> {
  await demandOurs('databases', name, connection, async () => {
    const query = 'select 1 as one from information_schema.schemata where schema_name = ?';
    return (await connection.query(query, [name])).length > 0;
  });
  await connection.query(`create database if not exists ${quotedName(name)}`);
  const admin = `${quotedName(mariadb.admin.user)}@'%'`;
  if (await isUser(mariadb.admin.user, connection)) {
    await connection.query(`grant all privileges on ${pattern(name)}.* to ${admin}`);
  }
}

async function ensureUser({ name, verifier, grants }: UserAccount, connection: Connection): Promise<void> {
  await demandOurs('users', name, connection, () => isUser(name, connection));
  const account = accountOf(name);
  const password = `identified by password ${quotedText(verifier)}`;
  await connection.query(`create user if not exists ${account} ${password} require ssl`);
  await connection.query(`alter user ${account} ${password} require ssl`);
  for (const database of await grantedTo(name, connection)) {
    if (!grants.some((grant) => pattern(grant.database) === database)) {
      await connection.query(`revoke all privileges on ${database}.* from ${account}`);
    }
  }
  for (const { database, privilege } of grants) {
    // Less than before is less: what was granted goes first, and there is no moment with more than either.
    const given = serverPrivileges(privilege);
    if ((await grantedTo(name, connection)).includes(pattern(database))) {
      await connection.query(`revoke all privileges on ${pattern(database)}.* from ${account}`);
    }
    await connection.query(`grant ${given} on ${pattern(database)}.* to ${account}`);
  }
}

/** Its sessions end; what it made stays, for in MariaDB nothing belongs to a user. */
async function removeUser(name: string, connection: Connection): Promise<void> {
  if (!(await isOurs('users', name, connection))) return;
  await connection.query(`drop user if exists ${accountOf(name)}`);
  const sessions = await connection.query('select id from information_schema.processlist where user = ?', [name]);
  for (const { id } of sessions) await connection.query(`kill ${Number(id)}`).catch(() => undefined);
  await connection.query(`delete from ${OWN_DATABASE}.users where name = ?`, [name]);
}

async function removeDatabase(name: string, connection: Connection): Promise<void> {
  if (!(await isOurs('databases', name, connection))) return;
  await connection.query(`drop database if exists ${quotedName(name)}`, [], DROP_MS);
  const granted = await connection.query("select user as name, host from mysql.db where db = ? and host = '%'", [
    escaped(name),
  ]);
  for (const { name: user } of granted) {
    await connection.query(`revoke all privileges on ${pattern(name)}.* from ${accountOf(String(user))}`);
  }
  await connection.query(`delete from ${OWN_DATABASE}.databases where name = ?`, [name]);
}

/** Marks it as ours before it is made. @throws DriverError when it is there and somebody else's */
async function demandOurs(
  kind: 'users' | 'databases',
  name: string,
  connection: Connection,
  isThere: () => Promise<boolean>,
): Promise<void> {
  if (await isOurs(kind, name, connection)) return;
  if (await isThere()) {
    throw new DriverError('refused', `There is a ${kind.slice(0, -1)} "${name}" that was made in another way.`);
  }
  await connection.query(`insert into ${OWN_DATABASE}.${kind} values (?)`, [name]);
}

async function isOurs(kind: 'users' | 'databases', name: string, connection: Connection): Promise<boolean> {
  const found = await connection.query(`select 1 as one from ${OWN_DATABASE}.${kind} where name = ?`, [name]);
  return found.length > 0;
}

async function isUser(name: string, connection: Connection): Promise<boolean> {
  const found = await connection.query("select 1 as one from mysql.global_priv where user = ? and host = '%'", [name]);
  return found.length > 0;
}

/** Databases in which a user may do anything, as they stand in a grant. */
async function grantedTo(name: string, connection: Connection): Promise<string[]> {
  const rows = await connection.query("select db as name from mysql.db where user = ? and host = '%'", [name]);
  return rows.map((row) => quotedName(String(row.name)));
}

function accountOf(name: string): string {
  return `${quotedName(name)}@'%'`;
}

/** In a grant `_` stands for any character, unless it is escaped. */
function escaped(database: string): string {
  return database.replaceAll('_', '\\_');
}

function pattern(database: string): string {
  return quotedName(escaped(database));
}
