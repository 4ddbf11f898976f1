// The names under which members come to each other's servers, and what they may do. A replica streams under an account of
// its own for each epoch and rule: the server counts an acknowledgement from whoever is connected, so that whoever must not
// count must not be connected.
import type { Upstream } from '../driver.ts';

/** A member that asks how the log stands; it can come in by a member's certificate only. */
export const MEMBER_ACCOUNT = 'argosy_member';
/** What a drill writes as, from a member; it owns a database of its own and nothing else. */
export const DRILL_ACCOUNT = 'argosy_drill';
export const DRILL_DATABASE = 'argosy_drill';
export const OWN_DATABASE = 'argosy';

/** mysql.global_priv keeps so many characters of a name. */
export const NAME_CHARACTERS = 128;

export interface StreamName {
  readonly memberId: string;
  readonly epoch: number;
  readonly generation: number;
}

/** The account under which a replica streams: one from another epoch or rule does not exist. */
export function streamName({ memberId, epoch, generation }: StreamName): string {
  return `${memberId}.${epoch}.${generation}`;
}

export function readStreamName(text: string): StreamName | undefined {
  const match = /^([a-z0-9-]+)\.(\d+)\.(\d+)$/i.exec(text);
  if (match === null) return undefined;
  return { memberId: match[1] ?? '', epoch: Number(match[2]), generation: Number(match[3]) };
}

/** Of the accounts that replicas stream under, as SQL's regular expression. */
const STREAM_PATTERN = '^[A-Za-z0-9-]+[.][0-9]+[.][0-9]+$';

export function quotedName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export function quotedText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** Members of a cluster share the subject of their certificates. */
function byCertificate(clusterId: string): string {
  return `require subject ${quotedText(`/CN=${clusterId}`)}`;
}

export interface AccountSettings {
  readonly clusterId: string;
  /** The operating system's user that the agent runs as. */
  readonly agentUser: string;
  /** The operating system's user who owns the data. */
  readonly dataUser: string;
}

/**
 * What each start of the server makes true before anybody can connect, one statement a line; none of it is in the log.
 * Nobody may stream from a server that leads nothing yet.
 */
export function startStatements({ clusterId, agentUser, dataUser }: AccountSettings): readonly string[] {
  // Who comes by the Unix socket is whom the kernel says, under the same name.
  const [agent, copy, member, drill] = [agentUser, dataUser, MEMBER_ACCOUNT, DRILL_ACCOUNT].map(quotedName);
  return [
    'set session sql_log_bin = 0',
    `delete from mysql.global_priv where User in ('', 'root') or Host = 'localhost' and User <> 'mariadb.sys' or User regexp ${quotedText(STREAM_PATTERN)}`,
    'flush privileges',
    `create or replace user ${copy}@localhost identified via unix_socket`,
    `grant reload, process, lock tables, binlog monitor, connection admin on *.* to ${copy}@localhost`,
    `create or replace user ${agent}@localhost identified via unix_socket`,
    `grant all privileges on *.* to ${agent}@localhost with grant option`,
    `create or replace user ${member}@'%' ${byCertificate(clusterId)}`,
    `grant connection admin on *.* to ${member}@'%'`,
    `grant select on ${OWN_DATABASE}.* to ${member}@'%'`,
    `create or replace user ${drill}@'%' ${byCertificate(clusterId)}`,
    `grant all privileges on ${DRILL_DATABASE}.* to ${drill}@'%'`,
  ];
}

export function makeStreamAccount(clusterId: string, name: string): readonly string[] {
  const account = `${quotedName(name)}@'%'`;
  return [
    `create or replace user ${account} ${byCertificate(clusterId)}`,
    // The door is shut to whoever may not pass it.
    `grant replication slave, connection admin on *.* to ${account}`,
  ];
}

export function namesOf(peers: readonly Upstream[], rule: { epoch: number; generation: number }): string[] {
  return peers.map(({ memberId }) => streamName({ ...rule, memberId }));
}
