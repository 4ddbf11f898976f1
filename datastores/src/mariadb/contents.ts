// What a primary keeps in its database for Argosy. Tables and accounts of tenants are in the log; who may stream from this
// server is not, for it is true of this server only.
import { type Admin, DriverError, type PrimaryRole } from '../driver.ts';
import {
  DRILL_DATABASE,
  makeStreamAccount,
  namesOf,
  OWN_DATABASE,
  quotedName,
  quotedText,
  readStreamName,
} from './accounts.ts';
import type { Connection } from './connection.ts';
import { mariadb } from './definition.ts';
import { isNativeVerifier } from './password.ts';

export const HEARTBEAT = `update ${OWN_DATABASE}.heartbeat set beat = now(6) where id = 1`;

const OWN_OBJECTS = [
  `create database if not exists ${OWN_DATABASE}`,
  `create table if not exists ${OWN_DATABASE}.heartbeat (id int primary key, beat datetime(6) not null) engine = InnoDB`,
  `create table if not exists ${OWN_DATABASE}.epoch (id int primary key, epoch bigint not null) engine = InnoDB`,
  // Its rows are each server's own: who may stream from it, and whose acknowledgement counts.
  `create table if not exists ${OWN_DATABASE}.rule (id int primary key, epoch bigint not null,
    generation bigint not null, voters text not null) engine = InnoDB`,
  `create table if not exists ${OWN_DATABASE}.admin (name varchar(128) primary key, generation bigint not null)
    engine = InnoDB`,
  `create database if not exists ${DRILL_DATABASE}`,
];

/** Written before anybody is waited for: the door is shut. What is there already leaves no record. */
export async function ensureOwnObjects(control: Connection): Promise<void> {
  const [found] = await control.query(
    `select (select count(*) from information_schema.tables where table_schema = '${OWN_DATABASE}') as tables,
      (select count(*) from information_schema.schemata where schema_name = '${DRILL_DATABASE}') as drills`,
  );
  if (Number(found?.tables) < 4 || Number(found?.drills) < 1) {
    for (const statement of OWN_OBJECTS) await control.query(statement);
  }
  const beats = await control.query(`select id from ${OWN_DATABASE}.heartbeat`);
  if (beats.length === 0) await control.query(`insert into ${OWN_DATABASE}.heartbeat values (1, now(6))`);
}

/** The first record of an epoch. */
export async function writeEpoch(control: Connection, epoch: number): Promise<void> {
  await control.query(`insert into ${OWN_DATABASE}.epoch values (1, ?) on duplicate key update epoch = values(epoch)`, [
    epoch,
  ]);
  // The row may have said so already, and then nothing was written.
  await control.query(HEARTBEAT);
}

/** Statements that are true of this server alone, and of no other's log. */
export async function besideTheLog(control: Connection, statements: readonly string[]): Promise<void> {
  await control.query('set session sql_log_bin = 0');
  try {
    for (const statement of statements) await control.query(statement);
  } finally {
    await control.query('set session sql_log_bin = 1');
  }
}

/**
 * Only the members of this role may stream from here from now on, each under its name of this rule; those who stream under
 * another name are still there. Who may count is told to whoever asks.
 */
export async function ensureStreams(control: Connection, role: PrimaryRole, clusterId: string): Promise<void> {
  const { epoch, rule, peers } = role;
  const wanted = namesOf(peers, { epoch, generation: rule.generation });
  const rows = await control.query("select user as name from mysql.user where host = '%'");
  const known = rows.map(({ name }) => String(name)).filter((name) => readStreamName(name) !== undefined);
  const drops = known.filter((name) => !wanted.includes(name)).map((name) => `drop user ${quotedName(name)}@'%'`);
  const makes = wanted.filter((name) => !known.includes(name)).flatMap((name) => makeStreamAccount(clusterId, name));
  const voters = quotedText(JSON.stringify(rule.voters));
  await besideTheLog(control, [
    ...drops,
    `replace into ${OWN_DATABASE}.rule values (1, ${epoch}, ${rule.generation}, ${voters})`,
    ...makes,
  ]);
}

/**
 * The tenant's first user: all of its own database, and nothing beside it, for whoever may write the server's own tables
 * may make himself anybody.
 */
export async function ensureAdmin(control: Connection, admin: Admin): Promise<void> {
  if (!isNativeVerifier(admin.verifier)) {
    throw new DriverError('refused', 'The admin user comes with something that is not the hash of a password.');
  }
  if (/^(argosy|mariadb\.sys$|root$)/.test(admin.name) || readStreamName(admin.name) !== undefined) {
    throw new DriverError('refused', `The admin user cannot be called "${admin.name}".`);
  }
  const [known] = await control.query(`select generation from ${OWN_DATABASE}.admin where name = ?`, [admin.name]);
  if (Number(known?.generation ?? -1) >= admin.generation) return;
  const account = `${quotedName(admin.name)}@'%'`;
  const { database } = mariadb.admin;
  const password = `identified by password ${quotedText(admin.verifier)}`;
  await control.query(`create user if not exists ${account} ${password} require ssl`);
  await control.query(`alter user ${account} ${password} require ssl`);
  await control.query(`create database if not exists ${quotedName(database)}`);
  await control.query(`grant all privileges on ${quotedName(database)}.* to ${account}`);
  // It may see for itself who copies it.
  await control.query(`grant replica monitor, binlog monitor on *.* to ${account}`);
  await control.query(`replace into ${OWN_DATABASE}.admin values (?, ?)`, [admin.name, admin.generation]);
}
