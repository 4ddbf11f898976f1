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

const SEEN = 'mysql.wsrep_cluster_members';

/** Who joins writes itself in by way of one that is there; who has no database of its own is told of the engine's view. */
export const MEMBERS_GRANTS: readonly string[] = [
  `grant insert, update, delete on ${OWN_DATABASE}.* to ${quotedName(MEMBER_ACCOUNT)}@'%'`,
  `grant select on ${SEEN} to ${quotedName(MEMBER_ACCOUNT)}@'%'`,
];

/** An arbiter has no database: nobody asks it, copies it, or need dial it, for it dials the others. */
const NOWHERE = 0;

export function asArbiter(member: Upstream): Upstream {
  return { ...member, port: NOWHERE };
}

/** Those of them that have data, without this one. */
export function othersWithData(members: readonly Upstream[], own: string): readonly Upstream[] {
  return members.filter(({ memberId, port }) => memberId !== own && port !== NOWHERE);
}

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
  return `select node_uuid from ${SEEN} where node_name = ${quotedText(serverName)}`;
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

const statusValue = (name: string): string =>
  `(select variable_value from information_schema.global_status where variable_name = 'wsrep_${name}') as ${name}`;

const countedValue = (memberId: string): string =>
  `(select count(*) from ${MEMBERS} where member_id = ${quotedText(memberId)}) as counted`;

function hearsayQuery(memberId: string): string {
  const names = ['cluster_status', 'local_state_uuid', 'last_committed', 'local_cached_downto'];
  return `select ${[countedValue(memberId), ...names.map(statusValue)].join(', ')}`;
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

/** What a member with a majority behind it says of an arbiter. */
export interface Vouching {
  readonly isCounted: boolean;
  /** The engine sees it, in the same majority. */
  readonly isSeen: boolean;
  readonly members: readonly Upstream[];
}

/** Of the first that tells; undefined when no majority is behind any that can be asked. */
export async function askForVouching(
  peers: readonly Upstream[],
  serverName: string,
  asking: Asking,
): Promise<Vouching | undefined> {
  const asked = peers.map((peer) => vouch(peer, serverName, asking));
  return await Promise.any(asked).catch(() => undefined);
}

async function vouch(peer: Upstream, serverName: string, { options, layout }: Asking): Promise<Vouching> {
  const fields = ['member_id', 'address', 'port', 'server_name'].map((name) => `'${name}', ${name}`).join(', ');
  const values = [
    countedValue(options.memberId),
    `(select count(*) from ${SEEN} where node_name = ${quotedText(serverName)}) as seen`,
    // As text: else the client reads it, and a row has numbers and text only.
    `(select cast(json_arrayagg(json_object(${fields}) order by member_id) as char) from ${MEMBERS}) as members`,
    statusValue('cluster_status'),
  ];
  const row = await askMember(peer, `select ${values.join(', ')}`, { layout, clock: options.clock });
  if (row.cluster_status !== 'Primary') throw new Error(`${peer.memberId} has no majority.`);
  const members = readMembers(JSON.parse(String(row.members ?? '[]')) as Row[]);
  return { isCounted: Number(row.counted) > 0, isSeen: Number(row.seen) > 0, members };
}
