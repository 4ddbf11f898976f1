// What a primary keeps in its database for Argosy: the heartbeat, the roles, one slot for each other member. Everything
// here runs with synchronous_commit = local, before the rule can hold it up, and may be repeated.
import { type Admin, DriverError, type Upstream } from '../driver.ts';
import { DRILL_ROLE, DRILL_SCHEMA, REPLICATION_ROLE, slotName } from './config.ts';
import type { Connection } from './connection.ts';
import { postgresql } from './definition.ts';
import { isScramVerifier } from './scram.ts';

const CREATE_DATABASE_MS = 60_000;

export const HEARTBEAT = 'update argosy.heartbeat set beat = clock_timestamp() where id = 1';

/** The heartbeat's row, and the role that members copy with. */
export async function ensureOwnObjects(control: Connection): Promise<void> {
  await control.query('create schema if not exists argosy');
  await control.query('create table if not exists argosy.heartbeat (id int primary key, beat timestamptz not null)');
  // Asked first: an insert would wait for a heartbeat that waits for its voters, also where it had nothing to do.
  const beats = await control.query('select 1 as one from argosy.heartbeat');
  if (beats.length === 0) await control.query('insert into argosy.heartbeat values (1, clock_timestamp())');
  // The barrier has a row of its own: the heartbeat's may be locked by a commit that waits for voters, and they may be
  // waiting for the barrier.
  await control.query('create table if not exists argosy.barrier (id int primary key, epoch bigint not null)');
  await ensureRole(control, REPLICATION_ROLE, 'login replication');
  await ensureRewindable(control);
  await ensureRole(control, DRILL_ROLE, 'login');
  await control.query(`create schema if not exists ${DRILL_SCHEMA} authorization ${DRILL_ROLE}`);
}

/** What pg_rewind reads a primary with, and a checkpoint before it: no more than a copy of the whole shows. */
const REWIND_FUNCTIONS = [
  'pg_catalog.pg_ls_dir(text, boolean, boolean)',
  'pg_catalog.pg_stat_file(text, boolean)',
  'pg_catalog.pg_read_binary_file(text)',
  'pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)',
];

async function ensureRewindable(control: Connection): Promise<void> {
  const [row] = await control.query(
    `select pg_has_role($1, 'pg_checkpoint', 'usage') and bool_and(has_function_privilege($1, name, 'execute')) as is_so
      from unnest($2::text[]) as name`,
    [REPLICATION_ROLE, REWIND_FUNCTIONS],
  );
  if (row?.is_so === true) return;
  await control.query(`grant pg_checkpoint to ${REPLICATION_ROLE}`);
  for (const name of REWIND_FUNCTIONS) await control.query(`grant execute on function ${name} to ${REPLICATION_ROLE}`);
}

/**
 * Writes a row of this epoch and answers where the log ends after it. Who has flushed that has all that this server
 * began with.
 */
export async function writeBarrier(control: Connection, epoch: number): Promise<string> {
  await control.query(
    'insert into argosy.barrier values (1, $1) on conflict (id) do update set epoch = excluded.epoch',
    [epoch],
  );
  const [row] = await control.query('select pg_current_wal_flush_lsn()::text as lsn');
  return String(row?.lsn);
}

/**
 * The tenant's first user: it may make databases, but not roles, for who may make roles may grant itself
 * pg_execute_server_program.
 */
export async function ensureAdmin(control: Connection, admin: Admin): Promise<void> {
  if (!isScramVerifier(admin.verifier)) {
    throw new DriverError('refused', 'The admin user comes with something that is not a SCRAM-SHA-256 verifier.');
  }
  if (/^(pg_|argosy)/.test(admin.name)) {
    throw new DriverError('refused', `The admin user cannot be called "${admin.name}".`);
  }
  await ensureRole(control, admin.name, 'login createdb nocreaterole nosuperuser noreplication');
  // It may see for itself who copies it, and that a commit waits for a quorum.
  await control.query(`grant pg_monitor to ${quoted(admin.name)}`);
  const [known] = await control.query(
    "select coalesce(shobj_description(oid, 'pg_authid'), '') as note from pg_roles where rolname = $1",
    [admin.name],
  );
  const generation = Number(/^argosy generation (\d+)$/.exec(String(known?.note))?.[1] ?? -1);
  if (generation < admin.generation) {
    await control.query(`alter role ${quoted(admin.name)} password '${admin.verifier}'`);
    await control.query(`comment on role ${quoted(admin.name)} is 'argosy generation ${admin.generation}'`);
  }
  const { database } = postgresql.admin;
  const found = await control.query('select 1 as one from pg_database where datname = $1', [database]);
  if (found.length > 0) return;
  await control.query(`create database ${quoted(database)} owner ${quoted(admin.name)}`, [], CREATE_DATABASE_MS);
}

/** One slot for each other member. */
export async function ensureSlots(control: Connection, peers: readonly Upstream[]): Promise<void> {
  const rows = await control.query("select slot_name::text from pg_replication_slots where slot_type = 'physical'");
  const known = new Set(rows.map((row) => String(row.slot_name)));
  for (const name of peers.map((peer) => slotName(peer.memberId))) {
    if (!known.has(name)) await control.query('select pg_create_physical_replication_slot($1, true)', [name]);
  }
}

/**
 * Our slots that nobody uses: those of members that are gone would keep the log for ever. `peers` is asked after the
 * slots were read, so that one made meanwhile for a new peer is not among those dropped.
 */
export async function dropIdleSlots(control: Connection, peers: () => readonly Upstream[]): Promise<void> {
  const rows = await control.query(
    `select slot_name::text as name from pg_replication_slots
      where slot_type = 'physical' and not active and slot_name like 'argosy\\_%'`,
  );
  const wanted = new Set(peers().map((peer) => slotName(peer.memberId)));
  for (const name of rows.map((row) => String(row.name)).filter((name) => !wanted.has(name))) {
    // Its member may just have come back to it; then it is dropped another time.
    await control.query('select pg_drop_replication_slot($1)', [name]).catch(() => undefined);
  }
}

async function ensureRole(control: Connection, name: string, attributes: string): Promise<void> {
  const found = await control.query('select 1 as one from pg_roles where rolname = $1', [name]);
  if (found.length === 0) await control.query(`create role ${quoted(name)} ${attributes}`);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
