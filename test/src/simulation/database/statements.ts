// The statements that the driver sends, answered as the server would. One that is not here ends the seed: the model must
// learn it first.
import type { Row } from '@argosy/datastores/drivers';
import { writeLsn } from './data-directory.ts';
import { isCounted } from './senders.ts';
import type { DatabaseServer } from './server.ts';

export interface StatementContext {
  readonly server: DatabaseServer;
  readonly text: string;
  readonly values: readonly unknown[];
  /** When the session's settings were read. */
  readonly settingsReadMs: number;
  readonly isLocal: boolean;
}

type Answer = readonly Row[] | Promise<readonly Row[]>;
type Statement = (context: StatementContext) => Answer;

export class UnknownStatementError extends Error {
  override readonly name = 'UnknownStatementError';
}

export class StatementError extends Error {
  override readonly name = 'StatementError';
}

export function answerStatement(context: StatementContext): Answer {
  const words = context.text.replace(/\s+/g, ' ').trim();
  const found = STATEMENTS.find(([beginning]) => words.startsWith(beginning));
  if (found === undefined) throw new UnknownStatementError(`The model does not know: ${words}`);
  return found[1](context);
}

const nowSeconds = ({ server }: StatementContext): string => (server.world.timeline.nowMs / 1000).toFixed(6);

function commit(
  { server, isLocal }: StatementContext,
  kind: 'heartbeat' | 'barrier' | 'object' | 'checkpoint',
  content = '',
): Promise<readonly Row[]> {
  if (server.state !== 'primary') throw new StatementError('cannot execute in a read-only transaction');
  const record = server.write(kind, content);
  if (kind === 'object') server.objects.add(content);
  return new Promise((resolve, reject) => {
    server.commits.commit(record, isLocal || kind !== 'heartbeat', (isCommitted) =>
      isCommitted ? resolve([]) : reject(new StatementError('terminating connection')),
    );
  });
}

/** `create KIND [if not exists] NAME ...`, of whatever kind. */
const create: Statement = (context) => {
  const match = /^create (\w+) (?:if not exists )?"?([\w.]+)"?/.exec(context.text.trim());
  const name = `${match?.[1]} ${match?.[2]}`;
  return context.server.objects.has(name) ? [] : commit(context, 'object', name);
};

const give =
  (name: string): Statement =>
  (context) =>
    context.server.objects.has(name) ? [] : commit(context, 'object', name);

function exists(name: (values: readonly unknown[]) => string): Statement {
  return ({ server, values }) => (server.objects.has(name(values)) ? [{ one: 1 }] : []);
}

function ownEnd({ server }: StatementContext): string {
  const { data } = server;
  if (!server.isRecovering) return writeLsn(data.endOf(data.flushed));
  const replayed = data.endOf(server.replayed);
  return server.receiver !== undefined || data.partial !== undefined
    ? writeLsn(Math.max(replayed, receivedEnd(server)))
    : writeLsn(replayed);
}

function receivedEnd({ data }: DatabaseServer): number {
  return data.partial === undefined ? data.endOf(data.flushed) : data.partial.start + 16;
}

function receiverRow(
  { server }: StatementContext,
  row: (receiver: NonNullable<DatabaseServer['receiver']>) => Row,
): Row[] {
  const { receiver } = server;
  return receiver?.heardMs === undefined ? [] : [row(receiver)];
}

/** A checkpoint proves that the checkpointer has read the settings. */
async function checkpoint(context: StatementContext): Promise<readonly Row[]> {
  const { server } = context;
  await new Promise<void>((resolve) => server.after(server.world.random.between(5, 60), resolve));
  if (server.state !== 'primary') return [];
  server.commits.setSynchronous(server.readFiles());
  await commit(context, 'checkpoint');
  server.data.timeline = server.timeline;
  return [];
}

function replication({ server }: StatementContext): Row[] {
  const own = writeLsn(server.data.endOf(server.data.flushed));
  return server.senders.all.map((sender) => ({
    ...{ pid: sender.pid, name: sender.name, application_name: sender.name, state: 'streaming', own_lsn: own },
    sync_state: isCounted(sender) ? 'quorum' : 'async',
    flush_lsn: sender.flushed === undefined ? null : writeLsn(sender.flushed),
    answered_at: String(sender.answeredMs),
  }));
}

function makeSlot({ server, values }: StatementContext): Row[] {
  server.data.slots.add(String(values[0]));
  return [];
}

function dropSlot({ server, values }: StatementContext): Row[] {
  const name = String(values[0]);
  if (server.senders.all.some(({ slot }) => slot === name)) throw new StatementError(`slot ${name} is active`);
  server.data.slots.delete(name);
  return [];
}

const STATEMENTS: readonly (readonly [string, Statement])[] = [
  ['select 1 as one from argosy.heartbeat', exists(() => 'heartbeat row')],
  ['select 1 as one from pg_roles', exists(([name]) => `role ${name}`)],
  ['select 1 as one from pg_database', exists(([name]) => `database ${name}`)],
  ['select 1', () => []],
  [
    'select case when pg_is_in_recovery()',
    (context) => [{ lsn: ownEnd(context), is_replica: context.server.isRecovering, version: '15.18' }],
  ],
  [
    'select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline',
    ({ server }) => {
      if (server.isRecovering) throw new StatementError('recovery is in progress');
      return [{ timeline: server.timeline.toString(16).toUpperCase().padStart(8, '0') }];
    },
  ],
  ['select pg_is_in_recovery() as is_replica', ({ server }) => [{ is_replica: server.isRecovering }]],
  [
    "select pid from pg_stat_activity where backend_type = 'walreceiver'",
    ({ server }) => (server.receiver === undefined ? [] : [{ pid: server.receiver.pid }]),
  ],
  [
    'select pg_last_wal_replay_lsn()::text as replayed',
    ({ server }) => {
      const replayed = server.data.endOf(server.replayed);
      const received = receivedEnd(server);
      return [
        {
          ...{ replayed: writeLsn(replayed), received: writeLsn(received), has_all: replayed >= received },
          is_idle: server.isIdle,
        },
      ];
    },
  ],
  [
    'select pg_promote(false)',
    ({ server }) => {
      server.promote();
      return [];
    },
  ],
  [
    'select pg_last_wal_replay_lsn()::text as lsn',
    ({ server }) => [{ lsn: writeLsn(server.data.endOf(server.replayed)) }],
  ],
  [
    "select status = 'streaming' and (strpos(conninfo",
    (context) =>
      receiverRow(context, ({ isStreaming, conninfo }) => ({
        is_streaming: isStreaming && context.values.some((value) => conninfo.includes(String(value))),
      })),
  ],
  [
    "select status = 'streaming' as is_streaming, extract",
    (context) =>
      receiverRow(context, ({ isStreaming, heardMs }) => ({
        is_streaming: isStreaming,
        age_ms: String(context.server.world.timeline.nowMs - (heardMs ?? 0)),
      })),
  ],
  ['update argosy.heartbeat', (context) => commit(context, 'heartbeat')],
  ['insert into argosy.heartbeat', (context) => commit(context, 'object', 'heartbeat row')],
  ['insert into argosy.barrier', (context) => commit(context, 'barrier')],
  ['create ', create],
  ['grant ', () => []],
  ['select pg_has_role(', () => [{ is_so: true }]],
  [
    'select coalesce(shobj_description(oid',
    ({ server }) => [{ note: server.objects.has('admin 1') ? 'argosy generation 1' : '' }],
  ],
  ['alter role', give('admin 1')],
  ['comment on role', () => []],
  [
    "select slot_name::text from pg_replication_slots where slot_type = 'physical'",
    ({ server }) => [...server.data.slots].map((name) => ({ slot_name: name })),
  ],
  [
    "select slot_name::text as name from pg_replication_slots where slot_type = 'physical' and not active",
    ({ server }) => {
      const active = new Set(server.senders.all.map(({ slot }) => slot));
      return [...server.data.slots].filter((name) => !active.has(name)).map((name) => ({ name }));
    },
  ],
  ['select pg_create_physical_replication_slot', makeSlot],
  ['select pg_drop_replication_slot', dropSlot],
  ['select pg_current_wal_flush_lsn()::text as lsn', (context) => [{ lsn: ownEnd(context) }]],
  ['select application_name, state, sync_state, flush_lsn', replication],
  ['select pid, application_name as name from pg_stat_replication', replication],
  [
    'select pg_terminate_backend(pid) from unnest',
    ({ server, values }) => {
      for (const pid of values[0] as number[])
        server.after(server.world.random.between(1, 30), () => server.senders.end(pid));
      return [];
    },
  ],
  [
    'select pid from pg_stat_activity where pid = any',
    ({ server, values }) => (values[0] as number[]).filter((pid) => server.senders.has(pid)).map((pid) => ({ pid })),
  ],
  ['checkpoint', checkpoint],
  ['select extract(epoch from clock_timestamp())::text as time', (context) => [{ time: nowSeconds(context) }]],
  [
    'select extract(epoch from pg_conf_load_time())',
    ({ settingsReadMs, values }) => [{ is_new: settingsReadMs / 1000 > Number(values[0]) }],
  ],
  [
    "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend'",
    ({ server }) => {
      server.commits.endClients();
      return [];
    },
  ],
  ['select pg_is_in_recovery() and pg_get_wal_replay_pause_state()', () => [{ is_paused: false, settings: '{}' }]],
];
