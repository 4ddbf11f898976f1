// MariaDB's parameters, by its manual. What a running server takes (`information_schema.system_variables.read_only`) a test
// against the real server compares. What is live is so for the sessions that begin afterwards.
import type { ParameterDefinition, ParameterValues } from '../parameters.ts';

const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const YEAR_S = 31_536_000;

type Parameters = Record<string, ParameterDefinition>;

function integer(description: string, min: number, max: number, value: number): ParameterDefinition {
  return { type: 'integer', description, restart: false, min, max, default: String(value) };
}

function size(description: string, minBytes: number, maxBytes: number, value: string): ParameterDefinition {
  return { type: 'size', description, restart: false, minBytes, maxBytes, default: value };
}

function boolean(description: string, value: 'on' | 'off'): ParameterDefinition {
  return { type: 'boolean', description, restart: false, default: value };
}

function choice(description: string, value: string, ...choices: string[]): ParameterDefinition {
  return { type: 'choice', description, restart: false, choices, default: value };
}

const MEMORY: Parameters = {
  sort_buffer_size: size('memory of one sort before it goes to disk', 32 * KIB, GIB, '2MB'),
  join_buffer_size: size('memory of one join without an index', KIB, GIB, '256kB'),
  tmp_table_size: size('a temporary table that becomes larger goes to disk', KIB, 16 * GIB, '16MB'),
  max_heap_table_size: size('the same, for tables in memory', 16 * KIB, 16 * GIB, '16MB'),
  max_allowed_packet: size('the largest statement or row that a client may send', MIB, GIB, '16MB'),
  table_open_cache: integer('tables that are kept open', 10, 1_048_576, 2_000),
};

const TIMES: Parameters = {
  wait_timeout: integer('seconds after which an idle session ends', 1, YEAR_S, 28_800),
  interactive_timeout: integer('the same, for a session at a terminal', 1, YEAR_S, 28_800),
  idle_transaction_timeout: integer('seconds after which a session idle in a transaction ends; 0: never', 0, YEAR_S, 0),
  lock_wait_timeout: integer('seconds that a statement waits for the lock of a table', 1, YEAR_S, 86_400),
  innodb_lock_wait_timeout: integer('seconds that a statement waits for the lock of a row', 1, 100_000_000, 50),
};

const OTHERS: Parameters = {
  max_connections: {
    ...{ type: 'integer', description: 'concurrent connections; else by the memory of the guest', restart: false },
    ...{ min: 20, max: 10_000 },
  },
  group_concat_max_len: size('the longest result of GROUP_CONCAT', 4, GIB, '1MB'),
  innodb_io_capacity: integer('writes in a second that the storage takes in the background', 100, 1_000_000, 200),
  innodb_print_all_deadlocks: boolean("tells of every deadlock in the server's log", 'off'),
  innodb_strict_mode: boolean('refuses a table that cannot be made as it is asked for', 'on'),
  transaction_isolation: {
    ...choice(
      ...(['isolation of transactions that name none', 'repeatable-read', 'read-uncommitted'] as const),
      ...['read-committed', 'repeatable-read', 'serializable'],
    ),
    restart: true,
  },
  innodb_ft_min_token_size: { ...integer('the shortest word of a full-text index', 0, 16, 3), restart: true },
  innodb_autoinc_lock_mode: { ...choice('how numbers are given to rows', '1', '0', '1', '2'), restart: true },
};

export const PARAMETERS: Readonly<Parameters> = { ...MEMORY, ...TIMES, ...OTHERS };

/** Values as the server takes them, in its file and by a statement alike: a size is a number of bytes. */
export function serverValues(parameters: ParameterValues): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => {
      const [, count = '', unit = ''] = PARAMETERS[name]?.type === 'size' ? (/^(\d+)([a-z]+)$/i.exec(value) ?? []) : [];
      return [name, count === '' ? value : String(Number(count) * (SIZE_UNITS[unit] ?? 1))];
    }),
  );
}

const DURABILITY = 'Argosy sets it, so that no acknowledged write is lost';
const REPLICATION = 'Argosy sets it, for it is how the members copy each other';
const PLACE = "Argosy sets it: it says where the server's files and doors are";
const TRUST = 'Argosy sets it: certificates and passwords rest on it';
const LOG = 'Argosy sets it: a log must not hold what tenants write, and has its place on the volume';
const FLAVOR = 'it is given by the flavor';
const CUT_SHORT =
  'a commit that waits for its copy would be answered when the time is up, though no other member has it';

function reserved(reason: string, ...names: string[]): [string, string][] {
  return names.map((name) => [name, reason]);
}

export const RESERVED: Readonly<Record<string, string>> = Object.fromEntries([
  ...reserved(DURABILITY, 'innodb_flush_log_at_trx_commit', 'innodb_doublewrite', 'sync_binlog', 'sync_relay_log'),
  ...reserved(DURABILITY, 'enforce_storage_engine', 'rpl_semi_sync_master_enabled', 'rpl_semi_sync_master_timeout'),
  ...reserved(DURABILITY, 'rpl_semi_sync_master_wait_point', 'rpl_semi_sync_master_wait_no_slave'),
  ...reserved(DURABILITY, 'innodb_force_recovery', 'innodb_read_only', 'relay_log_recovery'),
  ...reserved(CUT_SHORT, 'max_statement_time'),
  ...reserved(REPLICATION, 'server_id', 'gtid_domain_id', 'gtid_strict_mode', 'gtid_slave_pos', 'log_bin', 'read_only'),
  ...reserved(REPLICATION, 'log_slave_updates', 'binlog_format', 'binlog_row_image', 'rpl_semi_sync_slave_enabled'),
  ...reserved(REPLICATION, 'slave_net_timeout', 'skip_slave_start', 'init_connect', 'init_file', 'event_scheduler'),
  ...reserved(REPLICATION, 'slave_parallel_threads', 'slave_skip_errors', 'replicate_do_db', 'replicate_ignore_db'),
  ...reserved(PLACE, 'datadir', 'basedir', 'socket', 'port', 'bind_address', 'pid_file', 'tmpdir', 'plugin_dir'),
  ...reserved(TRUST, 'ssl_ca', 'ssl_cert', 'ssl_key', 'require_secure_transport', 'tls_version', 'local_infile'),
  ...reserved(TRUST, 'secure_file_priv', 'skip_name_resolve', 'old_passwords'),
  ...reserved(
    LOG,
    'general_log',
    'general_log_file',
    'slow_query_log',
    'slow_query_log_file',
    'log_error',
    'log_output',
  ),
  ...reserved(
    FLAVOR,
    'innodb_buffer_pool_size',
    'innodb_log_file_size',
    'max_binlog_size',
    'binlog_expire_logs_seconds',
  ),
]);
