// The server's file of settings, rendered whole from what the member is. It describes a server at rest: read only, the
// client door shut, with no upstream and nobody to wait for. What a role adds is set on the running server, so that a
// server that starts, whoever starts it, is never a primary.

import type { ParameterValues } from '../parameters.ts';
import type { AccountSettings } from './accounts.ts';
import type { Layout } from './layout.ts';
import { serverValues } from './parameters.ts';
import type { Sizes } from './sizes.ts';

export interface MemberSettings extends AccountSettings {
  readonly address: string;
  readonly port: number;
  readonly layout: Layout;
  /** Of the server while it leads nothing. */
  readonly number: number;
  /** The tree that the engine's programs, messages and plugins lie in. */
  readonly engine: string;
  readonly sizes: Sizes;
  readonly parameters: ParameterValues;
}

/**
 * The client door. Whoever may not pass it is sent away by its first statement; what it says comes to the server's log.
 * Members and the agent pass (CONNECTION ADMIN).
 */
export const DOOR_SHUT = "signal sqlstate '08004' set message_text = 'This member does not serve clients now.'";

/** A commit waits for its copy for ever: after this time the server would go on without one. A hundred years. */
export const WAIT_MS = 100 * 365 * 24 * 3_600_000;

const COMMON: Readonly<Record<string, string | number>> = {
  'skip-name-resolve': 'ON',
  'require-secure-transport': 'ON',
  'tls-version': 'TLSv1.2,TLSv1.3',
  'character-set-server': 'utf8mb4',
  'local-infile': 'OFF',
  'performance-schema': 'OFF',
  // What an event changes on two members at once, or on a member that leads nothing, would part their logs.
  'event-scheduler': 'OFF',
  // A table of another engine is in no transaction: what a crash leaves of it, no log tells.
  'enforce-storage-engine': 'InnoDB',
  // Durability is not for sale: what is acknowledged is on the disk.
  'innodb-flush-log-at-trx-commit': 1,
  'innodb-doublewrite': 'ON',
};

const FIXED: Readonly<Record<string, string | number>> = {
  // As data of the log, too, and as what was received.
  'sync-binlog': 1,
  'sync-relay-log': 1,
  'sync-relay-log-info': 1,
  'sync-master-info': 1,
  'log-bin': 'binlog',
  'log-slave-updates': 'ON',
  'binlog-format': 'ROW',
  'binlog-row-image': 'FULL',
  'max-binlog-size': '64M',
  'binlog-expire-logs-seconds': 86_400,
  'relay-log': 'relay',
  // A start would otherwise throw away what was received, and acknowledged, and not applied yet.
  'relay-log-recovery': 'OFF',
  'skip-slave-start': 'ON',
  'slave-net-timeout': 3,
  'gtid-domain-id': 0,
  'gtid-strict-mode': 'ON',
  'read-only': 'ON',
  'rpl-semi-sync-master-enabled': 'OFF',
  'rpl-semi-sync-slave-enabled': 'OFF',
  // Nobody sees a commit before a copy of it is acknowledged.
  'rpl-semi-sync-master-wait-point': 'AFTER_SYNC',
  'rpl-semi-sync-master-wait-no-slave': 'ON',
  'rpl-semi-sync-master-timeout': WAIT_MS,
};

export function renderConfig(member: MemberSettings): string {
  return renderSettings(member, { 'server-id': member.number, 'init-connect': `"${DOOR_SHUT}"`, ...FIXED });
}

/** The file with what all servers have, and what this kind of member has beside. */
export function renderSettings(member: MemberSettings, own: Readonly<Record<string, string | number>>): string {
  const { layout, sizes } = member;
  const settings: Record<string, string | number> = {
    basedir: member.engine,
    datadir: layout.data,
    socket: layout.socket,
    'pid-file': layout.pidFile,
    'init-file': layout.startFile,
    'bind-address': member.address,
    port: member.port,
    'ssl-ca': layout.rootFile,
    'ssl-cert': layout.certificateFile,
    'ssl-key': layout.keyFile,
    'innodb-buffer-pool-size': `${sizes.bufferPoolMib}M`,
    'innodb-log-file-size': `${sizes.logFileMib}M`,
    'max-connections': sizes.maxConnections,
    ...serverValues(member.parameters),
    ...COMMON,
    ...own,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `# Written by the agent.\n[mariadbd]\n${lines.join('\n')}\n`;
}
