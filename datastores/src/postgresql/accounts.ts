// Users and databases of a tenant, on the primary. In each database three group roles stand for what can be granted: who
// has `all` acts as the owner of everything in it, so that no table belongs to a person who may leave. Every statement may
// be repeated, and waits for the voters like any commit.
import type { Accounts, UserAccount } from '../accounts.ts';
import { DriverError } from '../driver.ts';
import { accounts as definition, groupRole } from './account-names.ts';
import type { Connection } from './connection.ts';
import { postgresql } from './definition.ts';
import { isScramVerifier } from './scram.ts';

const CREATE_MS = 120_000;
/** How a role that we made is told from any other. */
const MARK = 'argosy user';

/** A connection to a database of the primary. */
export type Connect = (database: string) => Connection;

/** @throws DriverError */
export async function setAccounts(wished: Accounts, connect: Connect): Promise<void> {
  demandNames(wished);
  const control = connect('postgres');
  try {
    for (const { name } of wished.databases) await ensureDatabase(name, control, connect);
    for (const user of wished.users) await ensureUser(user, control);
    for (const name of wished.gone.users) await removeUser(name, control, connect);
    for (const name of wished.gone.databases) await removeDatabase(name, control);
  } finally {
    control.close();
  }
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
    if (!isScramVerifier(verifier)) throw new DriverError('refused', `User "${name}" comes with no SCRAM verifier.`);
    const unknown = grants.find(({ privilege }) => !definition.privileges.includes(privilege));
    if (unknown !== undefined) throw new DriverError('refused', `There is no privilege "${unknown.privilege}".`);
  }
}

async function ensureDatabase(name: string, control: Connection, connect: Connect): Promise<void> {
  const owner = groupRole('all', name);
  const [found] = await control.query(
    'select pg_get_userbyid(datdba)::text as owner from pg_database where datname = $1',
    [name],
  );
  if (found !== undefined && found.owner !== owner) {
    throw new DriverError('refused', `There is a database "${name}" that was made in another way.`);
  }
  for (const privilege of definition.privileges) await ensureGroup(groupRole(privilege, name), control);
  await control.query(`grant ${quoted(groupRole('read', name))} to ${quoted(groupRole('write', name))}`);
  await control.query(`grant ${quoted(groupRole('write', name))} to ${quoted(owner)}`);
  if (found === undefined) await control.query(`create database ${quoted(name)} owner ${quoted(owner)}`, [], CREATE_MS);
  await control.query(`revoke connect, temporary on database ${quoted(name)} from public`);
  await control.query(`grant connect, temporary on database ${quoted(name)} to ${quoted(groupRole('read', name))}`);
  const admin = postgresql.admin.user;
  const [isThere] = await control.query('select 1 as one from pg_roles where rolname = $1', [admin]);
  if (isThere !== undefined) await control.query(`grant ${quoted(owner)} to ${quoted(admin)}`);

  const inside = connect(name);
  try {
    for (const statement of defaultPrivileges(name)) await inside.query(statement);
  } finally {
    inside.close();
  }
}

/** Of what the owner makes in the database from now on. */
function defaultPrivileges(name: string): string[] {
  const [read, write, owner] = ['read', 'write', 'all'].map((privilege) => quoted(groupRole(privilege, name)));
  const always = `alter default privileges for role ${owner} grant`;
  return [
    `grant usage on schema public to ${read}`,
    `${always} usage on schemas to ${read}`,
    `${always} select on tables to ${read}`,
    `${always} insert, update, delete, truncate on tables to ${write}`,
    `${always} select on sequences to ${read}`,
    `${always} usage, update on sequences to ${write}`,
  ];
}

async function ensureGroup(name: string, control: Connection): Promise<void> {
  const found = await control.query('select 1 as one from pg_roles where rolname = $1', [name]);
  if (found.length === 0) await control.query(`create role ${quoted(name)} nologin`);
}

async function ensureUser({ name, verifier, grants }: UserAccount, control: Connection): Promise<void> {
  const known = await readRole(name, control);
  if (known !== undefined && known.note !== MARK) {
    throw new DriverError('refused', `There is a role "${name}" that was made in another way.`);
  }
  if (known === undefined) {
    // With its mark at once: one without it would be taken for somebody else's.
    await control.query(
      `do $do$ begin
        create role ${quoted(name)} login nosuperuser nocreatedb nocreaterole noreplication password '${verifier}';
        comment on role ${quoted(name)} is '${MARK}';
      end $do$`,
    );
  } else if (known.verifier !== verifier) {
    await control.query(`alter role ${quoted(name)} password '${verifier}'`);
  }
  const wished = new Set(grants.map(({ database, privilege }) => groupRole(privilege, database)));
  const rows = await control.query(
    `select g.rolname::text as name from pg_auth_members m join pg_roles g on g.oid = m.roleid
      join pg_roles u on u.oid = m.member where u.rolname = $1`,
    [name],
  );
  const had = new Set(rows.map((row) => String(row.name)));
  for (const group of had) if (!wished.has(group)) await control.query(`revoke ${quoted(group)} from ${quoted(name)}`);
  for (const group of wished) if (!had.has(group)) await control.query(`grant ${quoted(group)} to ${quoted(name)}`);
  await actAsOwners({ name, grants }, control);
}

/** Where a user has all, its sessions act as the owner. */
async function actAsOwners({ name, grants }: Pick<UserAccount, 'name' | 'grants'>, control: Connection): Promise<void> {
  const owned = grants.filter(({ privilege }) => privilege === 'all').map(({ database }) => database);
  const rows = await control.query(
    `select d.datname::text as name from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
      join pg_roles u on u.oid = s.setrole where u.rolname = $1`,
    [name],
  );
  const before = rows.map((row) => String(row.name));
  for (const database of before.filter((each) => !owned.includes(each))) {
    await control.query(`alter role ${quoted(name)} in database ${quoted(database)} reset role`);
  }
  for (const database of owned) {
    const role = quoted(groupRole('all', database));
    await control.query(`alter role ${quoted(name)} in database ${quoted(database)} set role to ${role}`);
  }
}

/** What it owns goes to the owner of the database, and its sessions end. */
async function removeUser(name: string, control: Connection, connect: Connect): Promise<void> {
  const known = await readRole(name, control);
  if (known?.note !== MARK) return;
  await control.query(`alter role ${quoted(name)} nologin`);
  await control.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [name]);
  const databases = await control.query(
    `select datname::text as name, pg_get_userbyid(datdba)::text as owner from pg_database
      where datallowconn and not datistemplate`,
  );
  for (const { name: database, owner } of databases) {
    const inside = connect(String(database));
    try {
      await inside.query(`reassign owned by ${quoted(name)} to ${quoted(String(owner))}`);
      await inside.query(`drop owned by ${quoted(name)}`);
    } finally {
      inside.close();
    }
  }
  await control.query(`drop role ${quoted(name)}`);
}

async function removeDatabase(name: string, control: Connection): Promise<void> {
  const [found] = await control.query(
    'select pg_get_userbyid(datdba)::text as owner from pg_database where datname = $1',
    [name],
  );
  if (found !== undefined && found.owner !== groupRole('all', name)) return;
  if (found !== undefined) await control.query(`drop database ${quoted(name)} with (force)`, [], CREATE_MS);
  for (const privilege of [...definition.privileges].reverse()) {
    await control.query(`drop role if exists ${quoted(groupRole(privilege, name))}`);
  }
}

async function readRole(
  name: string,
  control: Connection,
): Promise<{ readonly note: string; readonly verifier: string } | undefined> {
  const [row] = await control.query(
    `select coalesce(shobj_description(oid, 'pg_authid'), '') as note, coalesce(rolpassword, '') as verifier
      from pg_authid where rolname = $1`,
    [name],
  );
  return row === undefined ? undefined : { note: String(row.note), verifier: String(row.verifier) };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
