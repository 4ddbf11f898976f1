// The server's files, rendered whole from what it is to be. Nothing is edited in place: what is on disk is what one of
// these functions gives.
import type { CommitRule, Upstream } from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import type { Layout } from './layout.ts';
import { PARAMETERS } from './parameters.ts';
import type { Sizes } from './sizes.ts';

/** The superuser of the agent; it can come in by the Unix socket only. */
export const AGENT_ROLE = 'argosy';
/** The role under which members copy each other; it can come in by a member's certificate only. */
export const REPLICATION_ROLE = 'argosy_replication';
/** The role that a drill writes as, from a member; it owns a schema of its own and nothing else. */
export const DRILL_ROLE = 'argosy_drill';
export const DRILL_SCHEMA = 'argosy_drill';

/** What never changes while a member lives. */
export interface MemberSettings {
  readonly clusterId: string;
  readonly memberId: string;
  readonly address: string;
  /** Of the server itself. */
  readonly port: number;
  readonly layout: Layout;
  /** The operating system's user that the agent runs as. */
  readonly agentUser: string;
  readonly timezone: string;
  readonly sizes: Sizes;
  /** Of the tenant's. */
  readonly parameters?: ParameterValues;
}

/** What a server is told about replication; nothing of it while it is at rest. */
export interface ReplicationSettings {
  readonly synchronousStandbyNames: string;
  readonly primaryConninfo: string;
  readonly primarySlotName: string;
  /** It has no role: nothing is to change what lies there. */
  readonly isAtRest: boolean;
}

export const AT_REST: ReplicationSettings = {
  synchronousStandbyNames: '',
  primaryConninfo: '',
  primarySlotName: '',
  isAtRest: true,
};

/** A server that is at rest writes no log; one that goes away by a restart point would be missing in a rewind. */
const KEEP_AT_REST = '1TB';

const FIXED: Readonly<Record<string, string>> = {
  // Durability is not for sale.
  fsync: 'on',
  full_page_writes: 'on',
  // Before recovery all files are synced at once: one syncfs(2) for a thousand fsyncs.
  recovery_init_sync_method: 'syncfs',
  synchronous_commit: 'on',
  wal_level: 'replica',
  wal_log_hints: 'on',
  hot_standby: 'on',
  recovery_target_timeline: 'latest',
  // A server that restarts by itself after a crash would open before its voters have what recovery made visible.
  restart_after_crash: 'off',
  max_wal_senders: '12',
  max_replication_slots: '12',
  wal_keep_size: '64MB',
  max_slot_wal_keep_size: '512MB',
  min_wal_size: '80MB',
  max_wal_size: '512MB',
  wal_receiver_status_interval: '1s',
  wal_receiver_timeout: '3s',
  wal_sender_timeout: '3s',
  wal_retrieve_retry_interval: '100ms',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
  password_encryption: 'scram-sha-256',
  ssl: 'on',
  ssl_min_protocol_version: 'TLSv1.2',
  lc_messages: 'C.UTF-8',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '%m [%p] %q%u@%d ',
  log_statement: 'none',
};

export function renderConfig(member: MemberSettings, replication: ReplicationSettings): string {
  const { layout } = member;
  const settings: Record<string, string> = {
    data_directory: layout.data,
    hba_file: layout.hbaFile,
    ident_file: layout.identFile,
    listen_addresses: member.address,
    port: String(member.port),
    unix_socket_directories: layout.socketFolder,
    unix_socket_permissions: '0700',
    cluster_name: member.memberId,
    ssl_cert_file: layout.certificateFile,
    ssl_key_file: layout.keyFile,
    ssl_ca_file: layout.rootFile,
    timezone: member.timezone,
    log_timezone: member.timezone,
    shared_buffers: `${member.sizes.sharedBuffersMib}MB`,
    // Of the same size everywhere: a standby needs what its primary has.
    max_connections: PARAMETERS.max_connections?.default ?? '',
    jit: PARAMETERS.jit?.default ?? '',
    ...ofTenant(member.parameters ?? {}),
    ...FIXED,
    ...(replication.isAtRest ? { wal_keep_size: KEEP_AT_REST } : {}),
    synchronous_standby_names: replication.synchronousStandbyNames,
    primary_conninfo: replication.primaryConninfo,
    primary_slot_name: replication.primarySlotName,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quoteSetting(value)}`);
  return `# Written by the agent; what is changed here is lost.\n${lines.join('\n')}\n`;
}

/** Nothing that is not a tenant's to set. */
function ofTenant(parameters: ParameterValues): Record<string, string> {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => Object.hasOwn(PARAMETERS, name)));
}

/**
 * Who may come in. A shut door admits the agent and the other members; an open one also clients, by TLS only, and in an
 * asynchronous cluster only those that come through the process that counts the lease.
 */
export function renderHba(door: 'open' | 'shut', clientsFrom?: string): string {
  const from = clientsFrom === undefined ? 'all' : `${clientsFrom}/${clientsFrom.includes(':') ? 128 : 32}`;
  const rules = [
    `local all ${AGENT_ROLE} peer map=agent`,
    `hostssl replication ${REPLICATION_ROLE} all cert map=members`,
    // Who is rewound reads single files, which the replication protocol does not give.
    `hostssl postgres ${REPLICATION_ROLE} all cert map=members`,
    ...(door === 'shut'
      ? []
      : [
          `hostssl postgres ${DRILL_ROLE} ${from} cert map=members`,
          `hostssl all ${AGENT_ROLE},${REPLICATION_ROLE},${DRILL_ROLE} all reject`,
          'hostssl replication all all reject',
          `hostssl all all ${from} scram-sha-256`,
        ]),
  ];
  return `# Written by the agent. The client door is ${door}.\n${rules.join('\n')}\n`;
}

export function renderIdent(member: Pick<MemberSettings, 'agentUser' | 'clusterId'>): string {
  return [
    '# Written by the agent.',
    `agent ${quoteIdent(member.agentUser)} ${AGENT_ROLE}`,
    // Members of a cluster share the common name of their certificates.
    `members ${quoteIdent(member.clusterId)} ${REPLICATION_ROLE}`,
    `members ${quoteIdent(member.clusterId)} ${DRILL_ROLE}`,
    '',
  ].join('\n');
}

/** Whose acknowledgement a commit waits for: any k of the other voters, under their names of this epoch and rule. */
export function synchronousStandbyNames(rule: CommitRule, own: { memberId: string; epoch: number }): string {
  if (rule.acknowledgements === 0) return '';
  const names = rule.voters
    .filter((voter) => voter !== own.memberId)
    .map((memberId) => `"${streamName({ memberId, epoch: own.epoch, generation: rule.generation })}"`);
  return `ANY ${rule.acknowledgements} (${names.join(', ')})`;
}

export interface StreamName {
  readonly memberId: string;
  readonly epoch: number;
  readonly generation: number;
}

/** PostgreSQL cuts longer names (NAMEDATALEN, less the closing zero). */
export const NAME_BYTES = 63;

/** The name under which a replica streams: an acknowledgement from another epoch or rule counts nowhere. */
export function streamName({ memberId, epoch, generation }: StreamName): string {
  return `${memberId}.${epoch}.${generation}`;
}

export function readStreamName(text: string): StreamName | undefined {
  const match = /^([a-z0-9-]+)\.(\d+)\.(\d+)$/i.exec(text);
  if (match === null) return undefined;
  return { memberId: match[1] ?? '', epoch: Number(match[2]), generation: Number(match[3]) };
}

/** The slot that keeps a member's part of the log; slots' names know no hyphen. */
export function slotName(memberId: string): string {
  return `argosy_${memberId.toLowerCase().replaceAll('-', '_')}`;
}

/** How a member dials another one: by address, but it is the name that is verified. */
export function conninfo(upstream: Upstream, layout: Layout, applicationName: string): string {
  const settings: Record<string, string> = {
    host: upstream.serverName,
    hostaddr: upstream.address,
    port: String(upstream.port),
    user: REPLICATION_ROLE,
    application_name: applicationName,
    sslmode: 'verify-full',
    sslrootcert: layout.rootFile,
    sslcert: layout.certificateFile,
    sslkey: layout.keyFile,
    gssencmode: 'disable',
    connect_timeout: '3',
    tcp_user_timeout: '5000',
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}='${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
    .join(' ');
}

function quoteSetting(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

function quoteIdent(value: string): string {
  return `"${value.replaceAll('"', '""')}"`;
}
