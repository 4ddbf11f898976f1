// PostgreSQL's parameters, by its manual (chapter 20). Whether one needs a restart is its context in `pg_settings`, which
// a test compares; a test against the real server also tries every default.
import type { ParameterDefinition } from '../parameters.ts';

const MS = 1;
const SECOND = 1_000;
const DAY = 86_400_000;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const MOST = 2_147_483_647;

type Parameters = Record<string, ParameterDefinition>;

function integer(description: string, min: number, max: number, value: number): ParameterDefinition {
  return { type: 'integer', description, restart: false, min, max, default: String(value) };
}

function number(description: string, min: number, max: number, value: number): ParameterDefinition {
  return { type: 'number', description, restart: false, min, max, default: String(value) };
}

function size(description: string, minBytes: number, maxBytes: number, value: string): ParameterDefinition {
  return { type: 'size', description, restart: false, minBytes, maxBytes, default: value };
}

function duration(description: string, minMs: number, maxMs: number, value: string): ParameterDefinition {
  return { type: 'duration', description, restart: false, minMs, maxMs, default: value };
}

function boolean(description: string, value: 'on' | 'off'): ParameterDefinition {
  return { type: 'boolean', description, restart: false, default: value };
}

function choice(description: string, value: string, ...choices: string[]): ParameterDefinition {
  return { type: 'choice', description, restart: false, choices, default: value };
}

const MEMORY: Parameters = {
  work_mem: size('memory of one sort or hash before it goes to disk', 64 * KIB, 16 * GIB, '4MB'),
  maintenance_work_mem: size('memory of VACUUM and CREATE INDEX', MIB, 16 * GIB, '64MB'),
  hash_mem_multiplier: number('how many times work_mem a hash may take', 1, 1000, 2),
  logical_decoding_work_mem: size('memory of logical decoding before it goes to disk', 64 * KIB, 16 * GIB, '64MB'),
  shared_buffers: {
    ...{ type: 'size', description: 'memory that caches pages; else a quarter of the guest', restart: true },
    ...{ minBytes: 16 * MIB, maxBytes: 1024 * GIB },
  },
  huge_pages: { ...choice('huge pages for shared memory', 'try', 'off', 'on', 'try'), restart: true },
  track_activity_query_size: {
    ...size('characters that are shown of a running query', 100, MIB, '1kB'),
    restart: true,
  },
};

/** A standby that has fewer of these than its primary stops replaying. */
const ROOM: Parameters = {
  max_connections: integer('concurrent connections', 20, 10_000, 100),
  max_locks_per_transaction: integer('average locks of a transaction', 64, 100_000, 64),
  max_prepared_transactions: integer('transactions that can be prepared at once', 0, 1_000, 0),
  max_worker_processes: integer('background processes', 8, 1_000, 8),
};

const PLANNING: Parameters = {
  effective_cache_size: size('what the planner takes for cached', 8 * KIB, 1024 * GIB, '4GB'),
  effective_io_concurrency: integer('reads that storage serves side by side', 0, 1_000, 1),
  random_page_cost: number('cost of a page out of order', 0, 1_000, 4),
  seq_page_cost: number('cost of a page in order', 0, 1_000, 1),
  cpu_tuple_cost: number('cost of a row', 0, 1_000, 0.01),
  default_statistics_target: integer('detail of the statistics that ANALYZE gathers', 1, 10_000, 100),
  jit: boolean('compiles expressions of long queries', 'off'),
  max_parallel_workers: integer('processes for parallel queries', 0, 1_024, 8),
  max_parallel_workers_per_gather: integer('processes for one parallel query', 0, 1_024, 2),
  max_parallel_maintenance_workers: integer('processes for one CREATE INDEX', 0, 1_024, 2),
  default_transaction_isolation: choice(
    ...(['isolation of transactions that name none', 'read committed', 'read committed'] as const),
    ...['repeatable read', 'serializable'],
  ),
};

const TIMES: Parameters = {
  statement_timeout: duration('ends a longer statement; 0: never', 0, DAY, '0'),
  lock_timeout: duration('ends a longer wait for a lock; 0: never', 0, DAY, '0'),
  idle_in_transaction_session_timeout: duration('ends a session idle in a transaction; 0: never', 0, DAY, '0'),
  idle_session_timeout: duration('ends a session idle outside one; 0: never', 0, DAY, '0'),
  deadlock_timeout: duration('wait for a lock before deadlocks are looked for', MS, DAY, '1s'),
  max_standby_streaming_delay: duration('how long a query may hold up a replica', 0, DAY, '30s'),
  checkpoint_timeout: duration('between two checkpoints', 30 * SECOND, DAY, '5min'),
};

const AUTOVACUUM: Parameters = {
  autovacuum: boolean('vacuums by itself', 'on'),
  autovacuum_naptime: duration('between two rounds', SECOND, DAY, '1min'),
  autovacuum_vacuum_threshold: integer('changed rows before a table is vacuumed', 0, MOST, 50),
  autovacuum_analyze_threshold: integer('changed rows before a table is analysed', 0, MOST, 50),
  autovacuum_vacuum_scale_factor: number('and this part of the table', 0, 100, 0.2),
  autovacuum_analyze_scale_factor: number('and this part of the table', 0, 100, 0.1),
  vacuum_cost_limit: integer('work before a vacuum pauses', 1, 10_000, 200),
  autovacuum_max_workers: { ...integer('vacuums at once', 1, 100, 3), restart: true },
  autovacuum_freeze_max_age: {
    ...integer('age at which a table is vacuumed in any case', 100_000, 2_000_000_000, 200_000_000),
    restart: true,
  },
};

const OTHERS: Parameters = {
  checkpoint_completion_target: number('part of the time that a checkpoint takes', 0, 1, 0.9),
  hot_standby_feedback: boolean('keeps rows on the primary that replicas still read', 'off'),
  wal_compression: choice('compresses full pages in the log', 'off', 'off', 'pglz', 'lz4', 'zstd'),
  track_io_timing: boolean('measures reads and writes', 'off'),
  track_functions: choice('counts calls of functions', 'none', 'none', 'pl', 'all'),
  log_lock_waits: boolean('logs long waits for locks', 'off'),
  shared_preload_libraries: {
    ...{ type: 'choice', description: 'libraries that are loaded at the start', restart: true, default: '' },
    choices: ['pg_stat_statements', 'auto_explain', 'pg_stat_statements,auto_explain'],
  },
};

export const PARAMETERS: Readonly<Parameters> = {
  ...{ ...MEMORY, ...PLANNING, ...TIMES, ...AUTOVACUUM, ...OTHERS },
  ...Object.fromEntries(
    Object.entries(ROOM).map(([name, definition]) => [
      name,
      { ...definition, restart: true, replicaNeedsAtLeast: true } satisfies ParameterDefinition,
    ]),
  ),
};

/** Those of which a standby needs at least what its primary has. */
export const ROOM_SETTINGS: readonly string[] = Object.keys(ROOM);

const DURABILITY = 'Argosy sets it, so that no acknowledged write is lost';
const REPLICATION = 'Argosy sets it, for it is how the members copy each other';
const PLACE = "Argosy sets it: it says where the server's files and doors are";
const TRUST = 'Argosy sets it: certificates and passwords rest on it';
const LOG = 'Argosy sets it: the log must not hold passwords, and has its place on the volume';
const SPACE = 'Argosy sets it, by the room on the volume';
const COMMANDS = 'a tenant runs no commands and loads no files in a guest';

function reserved(reason: string, ...names: string[]): [string, string][] {
  return names.map((name) => [name, reason]);
}

export const RESERVED: Readonly<Record<string, string>> = Object.fromEntries([
  ...reserved(DURABILITY, 'fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names'),
  ...reserved(DURABILITY, 'wal_sync_method', 'data_sync_retry', 'restart_after_crash', 'zero_damaged_pages'),
  ...reserved(DURABILITY, 'ignore_checksum_failure', 'ignore_invalid_pages', 'recovery_init_sync_method'),
  ...reserved(REPLICATION, 'wal_level', 'wal_log_hints', 'hot_standby', 'primary_conninfo', 'primary_slot_name'),
  ...reserved(REPLICATION, 'max_wal_senders', 'max_replication_slots', 'wal_receiver_timeout', 'wal_sender_timeout'),
  ...reserved(REPLICATION, 'wal_receiver_status_interval', 'wal_retrieve_retry_interval', 'recovery_target_timeline'),
  ...reserved(REPLICATION, 'recovery_target', 'recovery_target_lsn', 'recovery_target_time', 'promote_trigger_file'),
  ...reserved(REPLICATION, 'cluster_name', 'archive_mode', 'track_commit_timestamp'),
  ...reserved(PLACE, 'data_directory', 'config_file', 'hba_file', 'ident_file', 'listen_addresses', 'port'),
  ...reserved(PLACE, 'unix_socket_directories', 'unix_socket_permissions', 'external_pid_file', 'timezone'),
  ...reserved(TRUST, 'ssl', 'ssl_ca_file', 'ssl_cert_file', 'ssl_key_file', 'ssl_min_protocol_version'),
  ...reserved(TRUST, 'password_encryption', 'krb_server_keyfile', 'row_security'),
  ...reserved(LOG, 'log_statement', 'log_min_error_statement', 'log_min_duration_statement', 'log_destination'),
  ...reserved(LOG, 'logging_collector', 'log_directory', 'log_filename', 'log_line_prefix', 'log_parameter_max_length'),
  ...reserved(SPACE, 'wal_keep_size', 'max_slot_wal_keep_size', 'min_wal_size', 'max_wal_size', 'temp_tablespaces'),
  ...reserved(COMMANDS, 'archive_command', 'archive_library', 'restore_command', 'archive_cleanup_command'),
  ...reserved(COMMANDS, 'recovery_end_command', 'ssl_passphrase_command', 'dynamic_library_path', 'jit_provider'),
  ...reserved(COMMANDS, 'session_preload_libraries', 'local_preload_libraries'),
]);
