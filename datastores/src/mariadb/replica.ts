// A server that copies, or is at rest. What it received is acknowledged, so it is applied before anything else is decided;
// whether its log can go on with the primary's is asked before it connects under a name that counts.
import type { Position } from '../definition.ts';
import { DivergedError, DriverError, type ReplicaRole, type Upstream } from '../driver.ts';
import { OWN_DATABASE, streamName } from './accounts.ts';
import { askMember } from './connection.ts';
import type { Door } from './door.ts';
import { divergence, type LogState, readPosition, readState } from './gtid.ts';
import type { Parts } from './parts.ts';
import { comparePositions } from './positions.ts';
import { leaveUpstream, replicaStatus } from './relay.ts';

/** The upstream does not have what comes next any more, or has never had what came last. */
const FATAL_READ_ERROR = 1236;
/** The primary's word that it lives, when it has nothing else to say. */
const HEARTBEAT_S = 0.5;

export interface UpstreamState {
  readonly log: LogState;
  readonly end: Position;
}

const LOG_QUERY = 'select @@global.gtid_binlog_state as state, @@global.gtid_binlog_pos as end';

/** How the log of the primary of an epoch stands, or of any. @throws DriverError `unavailable` while it does not tell */
export async function askUpstream(upstream: Upstream, epoch: number | undefined, parts: Parts): Promise<UpstreamState> {
  const row = await askMember(
    upstream,
    `${LOG_QUERY}, @@global.server_id as number, @@global.read_only as is_at_rest`,
    connectionOptions(parts),
  );
  const isPrimary = Number(row.is_at_rest) === 0 && Number(row.number) === (epoch ?? Number(row.number));
  if (!isPrimary) {
    throw new DriverError(
      'unavailable',
      `${upstream.memberId} is not the primary${epoch === undefined ? '' : ` of epoch ${epoch}`}.`,
    );
  }
  return { log: readState(String(row.state)), end: readPosition(String(row.end)) };
}

export class Replica {
  readonly #parts: Parts;
  readonly #door: Door;
  /** How far the primary's log reached when it was asked. */
  #goal: Position | undefined;
  /** That this log cannot go on with the upstream's: it was not connected to it, so the server does not tell. */
  #parted: DivergedError | undefined;

  constructor(parts: Parts, door: Door) {
    this.#parts = parts;
    this.#door = door;
  }

  forget(): void {
    this.#goal = undefined;
    this.#parted = undefined;
  }

  /** A running server that receives from nobody, and has applied all that it received. */
  async withoutUpstream(): Promise<void> {
    const { server } = this.#parts;
    if (server.pid === undefined) {
      this.#door.forget();
      await server.start();
    }
    await leaveUpstream(this.#parts);
  }

  async follow(role: ReplicaRole): Promise<void> {
    const { control, layout, options } = this.#parts;
    const user = streamName({ ...role, memberId: options.memberId });
    if (await this.#isSet(role, user)) return;
    this.forget();
    await this.withoutUpstream();
    const upstream = await askUpstream(role.upstream, role.epoch, this.#parts);
    await this.#checkFit(role, upstream);
    const isVoter = await this.#isVoter(role);
    await control.query(`set global rpl_semi_sync_slave_enabled = ${isVoter ? 'on' : 'off'}`);
    await control.query(
      `change master to master_host = ?, master_port = ${role.upstream.port}, master_user = ?, master_password = '',
        master_ssl = 1, master_ssl_ca = ?, master_ssl_cert = ?, master_ssl_key = ?, master_ssl_verify_server_cert = 1,
        master_connect_retry = 1, master_heartbeat_period = ${HEARTBEAT_S}, master_use_gtid = slave_pos`,
      [role.upstream.address, user, layout.rootFile, layout.certificateFile, layout.keyFile],
    );
    await control.query('start slave');
    await this.#door.open();
  }

  /** Where this log ends, when nothing is received: what is received is applied by then. */
  async position(): Promise<Position> {
    return (await this.log()).end;
  }

  async log(): Promise<UpstreamState> {
    const [row] = await this.#parts.control.query(LOG_QUERY);
    return { log: readState(String(row?.state)), end: readPosition(String(row?.end)) };
  }

  async isFollowing(role: ReplicaRole): Promise<Position | undefined> {
    const { options, server } = this.#parts;
    if (server.pid === undefined) return undefined;
    if (this.#parted !== undefined) throw this.#parted;
    const status = await replicaStatus(this.#parts);
    if (status === undefined || status.Master_User !== streamName({ ...role, memberId: options.memberId })) return;
    if (Number(status.Last_IO_Errno) === FATAL_READ_ERROR) {
      throw diverged(`The primary cannot go on where this log ends: ${String(status.Last_IO_Error)}`);
    }
    if (Number(status.Last_SQL_Errno) !== 0) {
      throw diverged(`The primary's log does not fit these data: ${String(status.Last_SQL_Error)}`);
    }
    if (status.Slave_IO_Running !== 'Yes' || status.Slave_SQL_Running !== 'Yes') return undefined;
    const position = received(String(status.Gtid_IO_Pos), await this.position());
    return position.epoch === role.epoch ? position : undefined;
  }

  async hasCaughtUp(role: ReplicaRole): Promise<boolean> {
    const position = await this.isFollowing(role);
    if (position === undefined) return false;
    this.#goal ??= (await askUpstream(role.upstream, role.epoch, this.#parts)).end;
    return comparePositions(position, this.#goal) >= 0;
  }

  /** Where this log and the primary's parted; undefined when this one goes on with it. */
  async compare(upstream: Upstream, epoch: number) {
    const { log, end } = await this.log();
    const other = await askUpstream(upstream, epoch, this.#parts);
    return { end, parted: divergence(end, log, other.log) };
  }

  /** True when exactly this was told to the server before, and its threads run, or try to. */
  async #isSet({ upstream }: ReplicaRole, user: string): Promise<boolean> {
    if (this.#parts.server.pid === undefined) return false;
    const status = await replicaStatus(this.#parts);
    if (status === undefined || status.Master_User !== user) return false;
    const isRunning = status.Slave_IO_Running !== 'No' && status.Slave_SQL_Running !== 'No';
    return isRunning && status.Master_Host === upstream.address && Number(status.Master_Port) === upstream.port;
  }

  async #checkFit(role: ReplicaRole, upstream: UpstreamState): Promise<void> {
    const { log, end } = await this.log();
    const parted = divergence(end, log, upstream.log);
    if (parted === undefined) return;
    const { leftAt, transactions } = parted;
    this.#parted = new DivergedError(
      `This member's log ends with record ${end.value} of epoch ${end.epoch}; epoch ${role.epoch} left it at record ${leftAt.value} of epoch ${leftAt.epoch}.`,
      { bytes: 0, transactions },
    );
    throw this.#parted;
  }

  /** Only a voter asks to be waited for; who is one, the primary's rule says. @throws DriverError while it has another rule */
  async #isVoter({ upstream, epoch, generation }: ReplicaRole): Promise<boolean> {
    const query = `select epoch, generation, voters from ${OWN_DATABASE}.rule where id = 1`;
    const rule = await askMember(upstream, query, connectionOptions(this.#parts));
    if (Number(rule.epoch) !== epoch || Number(rule.generation) !== generation) {
      throw new DriverError('unavailable', `${upstream.memberId} has no rule ${generation} of epoch ${epoch}.`);
    }
    const voters: unknown = JSON.parse(String(rule.voters));
    return Array.isArray(voters) && voters.includes(this.#parts.options.memberId);
  }
}

/** What was received, or what the log holds when the server has not said yet what it received. */
export function received(ioPosition: string, end: Position): Position {
  const position = readPosition(ioPosition);
  return comparePositions(position, end) > 0 ? position : end;
}

function diverged(reason: string): DivergedError {
  return new DivergedError(reason, { bytes: 0, transactions: undefined });
}

function connectionOptions({ layout, options }: Parts) {
  return { layout, clock: options.clock };
}
