// The driver of MariaDB: what the agent asks, in terms of the server's process, its log and its connections. The order of
// things in `lead`, `follow` and `withdraw` is the protocol; each line of it is there because leaving it out loses an
// acknowledged write. gtid.ts says how the epoch of a record is known, rule.ts who may acknowledge, relay.ts why nothing
// that was received may be left to the server.
import type { Accounts } from '../accounts.ts';
import type { Position } from '../definition.ts';
import {
  type Driver,
  DriverError,
  type DriverOptions,
  type KeptTail,
  type PrimaryRole,
  type ProbeResult,
  type ReplicaRole,
  type Role,
  type ServerCertificate,
  type Upstream,
} from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import { sleep } from '../server-process.ts';
import { NAME_CHARACTERS, readStreamName, streamName } from './accounts.ts';
import { forgetBirth, isBornAlike, recordBirth, tellBirth } from './birth.ts';
import { reconfigure } from './configure.ts';
import { askMember } from './connection.ts';
import { ensureAdmin, ensureOwnObjects, writeEpoch } from './contents.ts';
import { copyData, empty, initialiseData, streamData } from './copy.ts';
import { Door } from './door.ts';
import { epochNumber, readPosition } from './gtid.ts';
import { type Layout, layoutOf, SOCKET_PATH_BYTES } from './layout.ts';
import { MemberFiles } from './member-files.ts';
import { newConnection, type Parts } from './parts.ts';
import { comparePositions } from './positions.ts';
import { Probe } from './probe.ts';
import { askUpstream, Replica } from './replica.ts';
import { Rule, requireWaitable } from './rule.ts';
import { MariadbServer } from './server.ts';
import { STREAMS_QUERY } from './streams.ts';
import { keepTail } from './tail.ts';
import { setAccounts } from './tenants.ts';

/** A primary without an acknowledged commit for so long shuts its door. */
export const CLOSE_AFTER_MS = 3_000;
/** One whose last commit was acknowledged within this is not cut off. */
const FRESH_MS = 2_000;
/** For as long a primary that steps down waits for those who copy it. */
const HAND_OVER_MS = 1_500;
const HAND_OVER_POLL_MS = 10;

/** @throws DriverError `refused` when names or paths are longer than the server takes. */
export function mariadbDriver(options: DriverOptions): Driver {
  const layout = layoutOf(options.volume, options.runFolder);
  if (Buffer.byteLength(layout.socket) > SOCKET_PATH_BYTES) {
    throw new DriverError('refused', `"${layout.socket}" is longer than a Unix socket's path may be.`);
  }
  const longest = streamName({ memberId: options.memberId, epoch: 999_999_999, generation: 999_999_999 });
  if (longest.length > NAME_CHARACTERS) {
    throw new DriverError('refused', `Member id "${options.memberId}" is too long for the name of an account.`);
  }
  return new MariadbDriver(options, layout);
}

class MariadbDriver implements Driver {
  readonly #parts: Parts;
  readonly #files: MemberFiles;
  readonly #door: Door;
  readonly #rule: Rule;
  readonly #replica: Replica;
  readonly #probe: Probe;
  #role: Role | undefined;
  /** Since when this primary, by its own clock, has been what it is: until then it cannot have proven anything. */
  #leadsSinceMs = 0;
  #hasNewCertificate = false;

  constructor(options: DriverOptions, layout: Layout) {
    const server = new MariadbServer(options, layout);
    const control = newConnection({ options, layout });
    this.#parts = { options, layout, server, control };
    this.#files = new MemberFiles(options, layout);
    this.#door = new Door(control);
    this.#rule = new Rule(this.#parts);
    this.#replica = new Replica(this.#parts, this.#door);
    this.#probe = new Probe({ ...this.#parts, door: this.#door, rule: this.#rule, role: () => this.#role });
  }

  async recover(role: Role | null): Promise<boolean> {
    const { options, layout, server } = this.#parts;
    for (const folder of [...layout.folders, layout.socketFolder]) {
      await options.files.ensureFolder(folder, { mode: 0o700, owner: options.owner });
    }
    if (await server.adopt()) {
      // One that does not answer is not what it should be, whatever that is.
      await this.#door.recover().catch(() => undefined);
      this.#role = role ?? undefined;
      this.#leadsSinceMs = options.clock.monotonicMs();
      return true;
    }
    await server.clear();
    await this.#files.write();
    return false;
  }

  async installCertificate(certificate: ServerCertificate): Promise<void> {
    await this.#files.writeCertificate(certificate);
    this.#hasNewCertificate = true;
    await this.#showCertificate();
  }

  /** The running server reads the certificate's files anew; one that does not answer is asked again by the next probe. */
  async #showCertificate(): Promise<void> {
    if (!this.#hasNewCertificate || !this.isRunning()) return;
    this.#hasNewCertificate = false;
    // Not local, it would be in the log, as a record that no primary wrote.
    await this.#parts.control.query('flush local ssl').catch(() => {
      this.#hasNewCertificate = true;
    });
  }

  async initialise(): Promise<void> {
    await this.stop();
    await this.#unpackTemplate();
  }

  async #unpackTemplate(): Promise<void> {
    await forgetBirth(this.#parts);
    await empty(this.#parts);
    await initialiseData(this.#parts);
    await recordBirth(this.#parts);
  }

  async seed(source: Upstream): Promise<Position> {
    this.#role = undefined;
    await this.stop();
    this.#replica.forget();
    const state = await askUpstream(source, undefined, this.#parts);
    if (await isBornAlike(this.#parts, source)) {
      await this.#unpackTemplate();
      await this.#replica.withoutUpstream();
      return await this.#replica.position();
    }
    await forgetBirth(this.#parts);
    await empty(this.#parts);
    return await copyData(this.#parts, { upstream: source, state }, this.#replica);
  }

  /** Tells what other members need not copy. */
  async share(): Promise<string> {
    return this.#role?.kind === 'primary' ? await tellBirth(this.#parts) : '';
  }

  async *copyOut(): AsyncIterable<Uint8Array> {
    if (this.#role?.kind !== 'primary' || !this.isRunning()) {
      throw new DriverError('unavailable', 'This member is no primary, and gives no copies.');
    }
    yield* streamData(this.#parts, await this.#files.dataUser());
  }

  async saveTail(
    source: Upstream,
    { epoch, mustKeep }: { readonly epoch: number; readonly mustKeep: boolean },
  ): Promise<KeptTail | undefined> {
    await this.#leaveRole();
    await this.#replica.withoutUpstream();
    const { end, parted } = await this.#replica.compare(source, epoch);
    return parted === undefined ? undefined : await keepTail({ end, parted, epoch, mustKeep }, this.#parts);
  }

  async rewind(): Promise<Position> {
    throw new DriverError('failed', 'What is committed in this log cannot be taken back; the data are copied.');
  }

  async lead(role: PrimaryRole): Promise<Position> {
    requireWaitable(role);
    const { control, options } = this.#parts;
    const isRunningOn = await this.#leads(role.epoch);
    if (!isRunningOn) {
      this.#role = undefined;
      this.#rule.forget();
      await this.#becomePrimary(role);
      this.#leadsSinceMs = options.clock.monotonicMs();
    }
    this.#role = role;
    await this.#rule.bring(role);
    if (role.admin !== null && isRunningOn) await ensureAdmin(control, role.admin);
    return await this.#replica.position();
  }

  async tryOpen(): Promise<boolean> {
    const role = this.#role;
    if (role?.kind !== 'primary' || !this.isRunning()) return false;
    await this.#rule.beat(role);
    if (!(await this.#guard(role))) return false;
    if (this.#door.isOpen) return true;
    const { clock, log } = this.#parts.options;
    // A commit that was acknowledged a moment ago: who has it has all that this server holds, whatever recovery, or
    // sessions that were cut, made visible of it.
    if (!this.#rule.hasQuorum(role) || clock.monotonicMs() - this.#rule.provenMs > FRESH_MS) return false;
    // The member may have become something else while it was asked.
    if (this.#role !== role) return false;
    await this.#door.open();
    log.info({ epoch: role.epoch }, 'The client door is open.');
    return true;
  }

  /** For asynchronous clusters, which this engine is not offered for. */
  async progress(): Promise<undefined> {
    return undefined;
  }

  async hasQuorum({ epoch, generation }: { epoch: number; generation: number }): Promise<boolean> {
    const role = this.#role;
    if (role?.kind !== 'primary' || role.epoch !== epoch || role.rule.generation !== generation) return false;
    return this.isRunning() && this.#rule.hasQuorum(role);
  }

  async follow(role: ReplicaRole): Promise<void> {
    if (await this.#isPrimary()) await this.#endPrimary();
    this.#role = role;
    this.#rule.forget();
    await this.#replica.follow(role);
  }

  async isFollowing(): Promise<Position | undefined> {
    if (this.#role?.kind !== 'replica') return undefined;
    return await this.#replica.isFollowing(this.#role);
  }

  async hasCaughtUp(): Promise<boolean> {
    if (this.#role?.kind !== 'replica') return false;
    return await this.#replica.hasCaughtUp(this.#role);
  }

  async withdraw(): Promise<Position> {
    const role = this.#role;
    if (role?.kind === 'primary' && this.isRunning()) await this.#handOver(role).catch(() => undefined);
    await this.#leaveRole();
    await this.#replica.withoutUpstream();
    return await this.#replica.position();
  }

  async configure(parameters: ParameterValues): Promise<void> {
    if (this.isRunning()) return await reconfigure(this.#files, parameters, this.#parts.control);
    this.#files.parameters = parameters;
    await this.#files.write();
  }

  async setAccounts(accounts: Accounts): Promise<void> {
    if (this.#role?.kind !== 'primary') throw new DriverError('refused', 'Only the primary makes users and databases.');
    // One of its own: its statements wait for a voter, and nothing else is to wait with them.
    const connection = newConnection(this.#parts);
    try {
      await setAccounts(accounts, connection);
    } finally {
      connection.close();
    }
  }

  async probe(): Promise<ProbeResult> {
    await this.#parts.server.limitLog();
    await this.#showCertificate();
    return await this.#probe.run(this.isRunning());
  }

  async stop(): Promise<void> {
    if (await this.#isPrimary()) return await this.#endPrimary();
    this.#disconnect();
    await this.#parts.server.stop();
    await this.#files.write();
  }

  async cutPower(): Promise<void> {
    await this.#parts.server.cutPower();
  }

  isRunning(): boolean {
    return this.#parts.server.pid !== undefined;
  }

  onCrash(call: () => void): void {
    this.#parts.server.onCrash(() => {
      this.#disconnect();
      call();
    });
  }

  async release(): Promise<void> {
    this.#disconnect();
    this.#parts.server.release();
  }

  /**
   * Lets nobody write any more, and gives those who copy it a moment to get the rest: a record that only the old primary
   * has would make it the furthest, and the switchover would end with it. Whether they got it is seen by their positions.
   */
  async #handOver({ peers }: PrimaryRole): Promise<void> {
    const { control, options, layout } = this.#parts;
    const deadline = options.clock.monotonicMs() + HAND_OVER_MS;
    this.#role = undefined;
    this.#rule.forget();
    await this.#door.shut();
    const { end } = await this.#replica.log();
    const streams = (await control.query(STREAMS_QUERY)).map(({ user }) => readStreamName(String(user))?.memberId);
    for (const peer of peers.filter(({ memberId }) => streams.includes(memberId))) {
      while (options.clock.monotonicMs() < deadline) {
        const there = await askMember(peer, 'select @@global.gtid_binlog_pos as end', { layout, clock: options.clock });
        if (comparePositions(readPosition(String(there.end)), end) >= 0) break;
        await sleep(options, HAND_OVER_POLL_MS);
      }
    }
  }

  async #leaveRole(): Promise<void> {
    this.#role = undefined;
    this.#replica.forget();
    this.#rule.forget();
    if (await this.#isPrimary()) await this.#endPrimary();
  }

  /** Cut off from its voters, a primary stops answering clients: what they would read may be stale. False: it is so. */
  async #guard(role: PrimaryRole): Promise<boolean> {
    if (role.rule.acknowledgements === 0) return true;
    const { clock, log } = this.#parts.options;
    const lastMs = Math.max(this.#rule.provenMs, this.#leadsSinceMs);
    if (clock.monotonicMs() - lastMs < CLOSE_AFTER_MS) return true;
    if (this.#door.isOpen && this.#role === role) {
      await this.#door.shut();
      log.warn({ epoch: role.epoch }, 'The client door is shut: no voter answers.');
    }
    if (this.#rule.waitingSinceMs !== undefined && clock.monotonicMs() - this.#rule.waitingSinceMs > CLOSE_AFTER_MS) {
      await this.#rule.cutWaiting();
    }
    return false;
  }

  /** True when the running server is the primary of this epoch already. */
  async #leads(epoch: number): Promise<boolean> {
    if (!this.isRunning()) return false;
    const [row] = await this.#parts.control.query('select @@global.server_id as number, @@global.read_only as rests');
    return Number(row?.number) === epoch && Number(row?.rests) === 0;
  }

  /** A server that does not even answer may be one. */
  async #isPrimary(): Promise<boolean> {
    if (!this.isRunning()) return false;
    const answer = this.#parts.control.query(
      'select @@global.read_only as rests, @@rpl_semi_sync_master_enabled as waits',
    );
    return await answer.then(
      ([row]) => Number(row?.rests) === 0 || Number(row?.waits) === 1,
      () => true,
    );
  }

  async #endPrimary(): Promise<void> {
    this.#disconnect();
    await this.#parts.server.end();
    await this.#files.write();
  }

  async #becomePrimary(role: PrimaryRole): Promise<void> {
    const { control } = this.#parts;
    const number = epochNumber(role.epoch);
    if (await this.#isPrimary()) await this.#endPrimary();
    await this.#replica.withoutUpstream();
    // Reads of a replica are let in; sessions keep the number that they began with, so none is taken along.
    await this.#door.shut();
    const { epoch } = await this.#replica.position();
    if (epoch > role.epoch) {
      throw new DriverError('refused', `The data is of epoch ${epoch}, newer than epoch ${role.epoch}.`);
    }
    await control.query('set global rpl_semi_sync_slave_enabled = off');
    await control.query(`set global server_id = ${number}`);
    await control.query(`set session server_id = ${number}`);
    // Nobody is let in and nobody streams, so that nothing of this is waited for, nor counts for anybody.
    await ensureOwnObjects(control);
    await writeEpoch(control, role.epoch);
    if (role.admin !== null) await ensureAdmin(control, role.admin);
    if (role.rule.acknowledgements > 0) await control.query('set global rpl_semi_sync_master_enabled = on');
    await control.query('set global read_only = off');
  }

  #disconnect(): void {
    const { control } = this.#parts;
    this.#door.forget();
    this.#rule.forget();
    control.close();
    this.#probe.close();
  }
}
