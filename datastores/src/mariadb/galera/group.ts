// What the group knows of its members, in a table that the engine copies like any other: who is counted, and where each is
// dialled. Whoever is not in it is no member, though its server may reach the others; it sees so and leaves.
import type { DriverOptions, Upstream } from '../../driver.ts';
import { MEMBER_ACCOUNT, OWN_DATABASE, quotedName, quotedText } from '../accounts.ts';
import { askMember, type Connection, type Row } from '../connection.ts';
import type { Layout } from './layout.ts';
import { type GroupPosition, readGroupPosition } from './position.ts';

const MEMBERS = `${OWN_DATABASE}.members`;
const STATUS = "show global status like 'wsrep\\_%'";

export const MEMBERS_OBJECTS: readonly string[] = [
  `create table if not exists ${MEMBERS} (member_id varchar(128) primary key, address varchar(255) not null,
    port int not null, server_name varchar(255) not null) engine = InnoDB`,
];

/** Who joins writes itself in by way of one that is there. */
export const MEMBERS_GRANT = `grant insert, update, delete on ${OWN_DATABASE}.* to ${quotedName(MEMBER_ACCOUNT)}@'%'`;

export const MEMBERS_QUERY = `select member_id, address, port, server_name from ${MEMBERS} order by member_id`;

export function readMembers(rows: readonly Row[]): Upstream[] {
  return rows.map(({ member_id, address, port, server_name }) => {
    return {
      memberId: String(member_id),
      address: String(address),
      port: Number(port),
      serverName: String(server_name),
    };
  });
}

export function enlist({ memberId, address, port, serverName }: Upstream): string {
  const values = [quotedText(memberId), quotedText(address), String(port), quotedText(serverName)];
  return `replace into ${MEMBERS} (member_id, address, port, server_name) values (${values.join(', ')})`;
}

export function strike(memberId: string): string {
  return `delete from ${MEMBERS} where member_id = ${quotedText(memberId)}`;
}

/** The engine's own view: by the names that the servers have. */
export function seenQuery(serverName: string): string {
  return `select node_uuid from mysql.wsrep_cluster_members where node_name = ${quotedText(serverName)}`;
}

/** Where a server stands among the others, as it says itself. */
export interface Standing {
  /** A majority is behind it. */
  readonly isPrimary: boolean;
  /** It takes statements: it has all that the others have, or is giving it to somebody. */
  readonly isReady: boolean;
  readonly size: number;
  /** In the engine's words. */
  readonly state: string;
  readonly position: GroupPosition | undefined;
}

export async function readStanding(connection: Connection, timeoutMs: number): Promise<Standing> {
  const rows = await connection.query(STATUS, [], timeoutMs);
  const status = new Map(
    rows.map(({ Variable_name: name, Value: value }) => [String(name).toLowerCase(), String(value)]),
  );
  const told = (name: string): string => status.get(`wsrep_${name}`) ?? '';
  return {
    isPrimary: told('cluster_status') === 'Primary',
    isReady: told('ready') === 'ON',
    size: Number(told('cluster_size') || 0),
    state: told('local_state_comment'),
    position: readGroupPosition(`${told('local_state_uuid')}:${told('last_committed')}`),
  };
}

/** What a member in the group says of it to one that is not. */
export interface Hearsay {
  readonly isCounted: boolean;
  readonly reached: GroupPosition;
  /** The first transaction that it can still hand over. */
  readonly remembered: bigint;
}

function hearsayQuery(memberId: string): string {
  const value = (name: string): string =>
    `(select variable_value from information_schema.global_status where variable_name = 'wsrep_${name}') as ${name}`;
  const names = ['cluster_status', 'local_state_uuid', 'last_committed', 'local_cached_downto'];
  return `select (select count(*) from ${MEMBERS} where member_id = ${quotedText(memberId)}) as counted, ${names.map(value).join(', ')}`;
}

type Asking = { readonly options: DriverOptions; readonly layout: Layout };

/** Of the first of them that tells; undefined when none does, for no majority is behind any, or nobody answers. */
export async function askGroup(peers: readonly Upstream[], asking: Asking): Promise<Hearsay | undefined> {
  const asked = peers.map((peer) => hear(peer, asking));
  return await Promise.any(asked).catch(() => undefined);
}

async function hear(peer: Upstream, { options, layout }: Asking): Promise<Hearsay> {
  const row = await askMember(peer, hearsayQuery(options.memberId), { layout, clock: options.clock });
  const reached = readGroupPosition(`${row.local_state_uuid}:${row.last_committed}`);
  if (row.cluster_status !== 'Primary' || reached === undefined) throw new Error(`${peer.memberId} has no majority.`);
  return { isCounted: Number(row.counted) > 0, reached, remembered: BigInt(row.local_cached_downto ?? 0) };
}
