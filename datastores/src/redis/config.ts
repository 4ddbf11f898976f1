// The server's files, rendered whole. On disk it is always a replica of nobody with its door shut: what else it is, it is
// told when it runs.
import type { Grant } from '../accounts.ts';
import { AGENT_USER, type PRIVILEGES, REPLICATION_USER } from './account-names.ts';
import type { Layout } from './layout.ts';

/** An upstream that nobody is: a replica without one would be a primary. */
export const NOBODY = ['127.0.0.1', '1'] as const;

/** A primary that fewer replicas than it needs have answered for so long takes no more writes. */
export const MAX_LAG_SECONDS = 2;
const MEBIBYTE = 1024 * 1024;
/** Of a guest's memory, what is left for the data: copies that are sent, and the log that is rewritten, need the rest. */
const DATA_SHARE = 0.6;
const LEAST_MEMORY_MIB = 64;
const BACKLOG_MIB = 16;

export interface MemberSettings {
  readonly address: string;
  readonly port: number;
  readonly layout: Layout;
  readonly memoryMib: number | null;
  /** What this member calls itself to its upstream. */
  readonly streamName: string;
  readonly secret: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export function renderConfig(member: MemberSettings): string {
  const { address, port, layout } = member;
  const memoryMib = Math.max(LEAST_MEMORY_MIB, Math.floor((member.memoryMib ?? 0) * DATA_SHARE));
  const settings: [string, string][] = [
    ['bind', address],
    ['bind-source-addr', address],
    ['port', '0'],
    ['tls-port', String(port)],
    ['tls-cert-file', quoted(layout.certificateFile)],
    ['tls-key-file', quoted(layout.keyFile)],
    ['tls-ca-cert-file', quoted(layout.rootFile)],
    ['tls-auth-clients', 'optional'],
    ['tls-replication', 'yes'],
    ['tls-protocols', '"TLSv1.2 TLSv1.3"'],
    // It takes only 127.0.0.1 for local, and would refuse the other members; every user has a password here.
    ['protected-mode', 'no'],
    ['unixsocket', quoted(layout.socket)],
    ['unixsocketperm', '700'],
    ['aclfile', quoted(layout.aclFile)],
    ['dir', quoted(layout.data)],
    ['pidfile', quoted(layout.pidFile)],
    ['daemonize', 'no'],
    ['appendfsync', 'everysec'],
    ['aof-load-truncated', 'yes'],
    ['save', '""'],
    ['replicaof', NOBODY.join(' ')],
    ['masteruser', REPLICATION_USER],
    ['masterauth', quoted(member.secret)],
    ['replica-announce-ip', quoted(member.streamName)],
    ['replica-read-only', 'yes'],
    ['repl-diskless-sync', 'yes'],
    ['repl-diskless-sync-delay', '0'],
    ['repl-diskless-load', 'disabled'],
    ['repl-ping-replica-period', '1'],
    ['repl-timeout', '5'],
    ['repl-backlog-size', String(BACKLOG_MIB * MEBIBYTE)],
    ['repl-backlog-ttl', '0'],
    ['min-replicas-max-lag', String(MAX_LAG_SECONDS)],
    ['shutdown-timeout', '5'],
    ['tcp-keepalive', '5'],
    ['maxmemory', String(memoryMib * MEBIBYTE)],
    ...Object.entries(member.parameters).map(([name, value]): [string, string] => [name, quoted(value)]),
  ];
  const lines = settings.map(([name, value]) => `${name} ${value}`);
  return `# Written by the agent; what is changed here is lost.\n${lines.join('\n')}\n`;
}

/** A user of the tenant's; the hash is SHA-256 of the password. */
export interface User {
  readonly name: string;
  readonly hash: string;
  readonly generation: number;
  /** Of one beside the cluster's first, who may do everything: a pattern of keys, and what it may do with them. */
  readonly grants?: readonly Grant[];
}

/** Of the server and of other members. */
const FORBIDDEN = ['-@admin', '-@dangerous'];
/** What tells of keys without naming them; all that takes them so is dangerous to Redis itself. */
const OF_ALL_KEYS = ['scan', 'randomkey', 'dbsize'];
/** All of the tenant's data, and nothing by which the member would become something else. */
const FIRST_RULES = [
  ...['~*', '&*', '+@all', ...FORBIDDEN],
  ...['+flushall', '+flushdb', '+keys', '+sort', '+sort_ro', '+info', '+role', '+swapdb', '+restore'],
];
/** What a client needs to come in and to find the primary. */
const GUEST_RULES = ['+@connection', '+@transaction', ...FORBIDDEN, '+info', '+role'];

/** What ACL SETUSER makes of a tenant's user, whatever it was before. */
export function tenantRules({ hash, grants }: User, door: 'open' | 'shut'): string[] {
  const rules = grants === undefined ? FIRST_RULES : [...GUEST_RULES, ...grants.map(selector)];
  return ['reset', door === 'open' ? 'on' : 'off', `#${hash}`, ...rules];
}

/** A selector of Redis 7 (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/#selectors). */
function selector({ database: pattern, privilege }: Grant): string {
  const { commands, keys } = {
    read: { commands: ['+@read'], keys: [`%R~${pattern}`] },
    write: { commands: ['+@read', '+@write'], keys: [`~${pattern}`] },
    all: { commands: ['+@all'], keys: [`~${pattern}`, `&${pattern}`] },
  }[privilege as (typeof PRIVILEGES)[number]];
  const some = OF_ALL_KEYS.map((command) => `-${command}`);
  return `(${[...commands, ...FORBIDDEN, ...(pattern === '*' ? ['+keys'] : some), ...keys].join(' ')})`;
}

export function renderAcl(
  users: readonly User[],
  hashes: { readonly agent: string; readonly replication: string },
): string {
  const lines = [
    'user default off resetchannels -@all',
    `user ${AGENT_USER} on #${hashes.agent} ~* &* +@all`,
    `user ${REPLICATION_USER} on #${hashes.replication} resetchannels -@all +psync +replconf +ping`,
    ...users.map((user) => `user ${user.name} ${tenantRules(user, 'shut').slice(1).join(' ')}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** The names by which replicas call themselves say whose rule they follow: `member.epoch.generation`. */
export function streamName(stream: { memberId: string; epoch: number; generation: number }): string {
  return `${stream.memberId}.${stream.epoch}.${stream.generation}`;
}

export function readStreamName(name: string): { memberId: string; epoch: number; generation: number } | undefined {
  const match = /^(.+)\.(\d+)\.(\d+)$/.exec(name);
  return match === null
    ? undefined
    : { memberId: match[1] ?? '', epoch: Number(match[2]), generation: Number(match[3]) };
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
