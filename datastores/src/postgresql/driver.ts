// The driver of PostgreSQL: what the agent asks, in terms of the server's process, its files and its connections. The
// order of things in `lead`, `follow` and `withdraw` is the protocol; each line of it is there because leaving it out
// loses an acknowledged write.

import type { Accounts } from '../accounts.ts';
import type { Position } from '../definition.ts';
import {
  type Driver,
  DriverError,
  type DriverOptions,
  type KeptTail,
  type PrimaryRole,
  type ProbeResult,
  type Progress,
  type ReplicaRole,
  type Role,
  type ServerCertificate,
  type Upstream,
} from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import { setAccounts } from './accounts.ts';
import { AT_REST, NAME_BYTES, streamName } from './config.ts';
import { reconfigure } from './configure.ts';
import { Connection } from './connection.ts';
import { ensureAdmin, ensureOwnObjects, ensureSlots } from './contents.ts';
import { copyData, empty, initialiseData } from './copy.ts';
import { Door } from './door.ts';
import { CLOSE_AFTER_MS, Isolation } from './isolation.ts';
import { type Layout, layoutOf, SOCKET_PATH_BYTES } from './layout.ts';
import { isReplica, ownTimeline } from './log-position.ts';
import { MemberFiles } from './member-files.ts';
import { Probe } from './probe.ts';
import { ProgressReader } from './progress.ts';
import { endReceiver, promoteOnto, replayToEnd } from './promotion.ts';
import { rewindData } from './rewind.ts';
import { Rule, replicationOf } from './rule.ts';
import { PostgresServer } from './server.ts';
import { Standby, type StandbyParts } from './standby.ts';
import { readStreams, STREAMS_QUERY } from './streams.ts';

/** What a planned end writes to disk beforehand, its sessions need not wait for. */
const CHECKPOINT_BEFORE_END_MS = 10_000;
/** How often an open door is looked after. */
const GUARD_MS = 500;

/** @throws DriverError `refused` when names or paths are longer than the server takes. */
export function postgresqlDriver(options: DriverOptions): Driver {
  const layout = layoutOf(options.volume, options.runFolder);
  const socket = `${layout.socketFolder}/.s.PGSQL.${options.serverPort}.lock`;
  if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES) {
    throw new DriverError('refused', `"${socket}" is longer than a Unix socket's path may be.`);
  }
  const longest = streamName({ memberId: options.memberId, epoch: 999_999_999, generation: 999_999_999 });
  if (Buffer.byteLength(longest) > NAME_BYTES) {
    throw new DriverError('refused', `Member id "${options.memberId}" is too long for the name of a stream.`);
  }
  return new PostgresDriver(options, layout);
}

class PostgresDriver implements Driver {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #server: PostgresServer;
  readonly #door: Door;
  readonly #files: MemberFiles;
  readonly #control: Connection;
  readonly #background: Connection;
  readonly #probe: Probe;
  readonly #progress: ProgressReader;
  readonly #rule: Rule;
  readonly #standby: Standby;
  readonly #parts: StandbyParts;
  readonly #isolation = new Isolation();
  #guardedMs = Number.NEGATIVE_INFINITY;
  #role: Role | undefined;

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#layout = layout;
    this.#files = new MemberFiles(options, layout);
    this.#server = new PostgresServer(options, layout, () => this.#files.parameters);
    this.#door = new Door(options, layout, this.#server);
    const { serverPort: port, clock, session } = options;
    const connection = { socketFolder: layout.socketFolder, port, clock, session };
    this.#control = new Connection({ ...connection, synchronousCommit: 'local' });
    this.#background = new Connection({ ...connection, synchronousCommit: 'local' });
    this.#parts = {
      ...{ options, layout, files: this.#files, server: this.#server, door: this.#door, control: this.#control },
      program: (...program) => this.#server.program(...program),
    };
    this.#progress = new ProgressReader(connection, options.memberId);
    this.#standby = new Standby(this.#parts);
    this.#rule = new Rule({ ...this.#parts, background: this.#background });
    this.#probe = new Probe({
      options,
      server: this.#server,
      layout,
      door: this.#door,
      connection,
      role: () => this.#role,
    });
  }

  async recover(role: Role | null): Promise<boolean> {
    const { owner, files } = this.#options;
    for (const folder of [...this.#layout.folders, this.#layout.socketFolder]) {
      await files.ensureFolder(folder, { mode: 0o700, owner });
    }
    if (await this.#server.adopt()) {
      await this.#door.recover();
      this.#role = role ?? undefined;
      return true;
    }
    await this.#server.clear();
    await this.#rest();
    return false;
  }

  async installCertificate({ certificate, key, root }: ServerCertificate): Promise<void> {
    const { files, owner } = this.#options;
    const options = { mode: 0o600, owner };
    await files.writeDurably(this.#layout.rootFile, root, options);
    await files.writeDurably(this.#layout.keyFile, key, options);
    await files.writeDurably(this.#layout.certificateFile, certificate, options);
    this.#server.reload();
  }

  async initialise(): Promise<void> {
    await this.stop();
    await empty(this.#parts);
    await initialiseData(this.#parts);
  }

  async seed(source: Upstream): Promise<Position> {
    this.#role = undefined;
    await this.stop();
    this.#standby.forget();
    await empty(this.#parts);
    return await copyData(this.#parts, source);
  }

  async saveTail(
    source: Upstream,
    options: { readonly epoch: number; readonly mustKeep: boolean },
  ): Promise<KeptTail | undefined> {
    this.#role = undefined;
    this.#standby.forget();
    if (this.isRunning() && !(await this.#isStandby())) await this.stop();
    return await this.#standby.saveTail(source, options);
  }

  async rewind(source: Upstream, epoch: number): Promise<Position> {
    this.#role = undefined;
    await this.stop();
    this.#standby.forget();
    return await rewindData(this.#parts, source, epoch);
  }

  async lead(role: PrimaryRole): Promise<Position> {
    this.#role = role;
    this.#standby.forget();
    const isRunningOn = await this.#leads(role.epoch);
    if (!isRunningOn) {
      this.#rule.forget();
      await this.#becomePrimary(role);
      this.#rule.began(role);
    }
    await ensureOwnObjects(this.#control);
    await ensureSlots(this.#control, role.peers);
    if (role.admin !== null) await ensureAdmin(this.#control, role.admin);
    if (isRunningOn) await this.#rule.bring(role);
    const barrier = await this.#rule.writeBarrier(role);
    this.#rule.isSettled();
    return barrier;
  }

  async tryOpen(): Promise<boolean> {
    const role = this.#role;
    if (role?.kind !== 'primary' || !this.isRunning()) return false;
    if (!(await this.#guard(role))) return false;
    if (this.#door.isOpen) return true;
    if (!this.#door.isEmpty) {
      await this.#empty();
      if (!this.#door.isEmpty) return false;
    }

    const now = this.#options.clock.monotonicMs();
    const voters = await this.#rule.votersBehind(role, (memberId) => this.#isolation.isThere(memberId, now));
    if (voters === undefined || voters < role.rule.acknowledgements || !this.#rule.isSettled()) return false;
    // The member may have become something else while it was asked.
    if (this.#role !== role) return false;
    await this.#door.open(this.#control);
    this.#options.log.info({ epoch: role.epoch, voters }, 'The client door is open.');
    return true;
  }

  async progress(): Promise<Progress | undefined> {
    const role = this.#role;
    return role?.kind === 'primary' && this.isRunning() ? await this.#progress.read(role.epoch) : undefined;
  }

  async hasQuorum({ epoch, generation }: { epoch: number; generation: number }): Promise<boolean> {
    const role = this.#role;
    if (role?.kind !== 'primary' || role.epoch !== epoch || role.rule.generation !== generation) return false;
    return this.isRunning() && (await this.#rule.hasQuorum(role));
  }

  async follow(role: ReplicaRole): Promise<void> {
    const known = this.#role?.kind === 'replica' ? this.#role : undefined;
    if (this.isRunning() && !(await isReplica(this.#control))) await this.stop();
    this.#role = role;
    this.#rule.forget();
    await this.#standby.follow(role, known);
  }

  async isFollowing(): Promise<Position | undefined> {
    if (this.#role?.kind !== 'replica') return undefined;
    return await this.#standby.isFollowing(this.#role);
  }

  async hasCaughtUp(): Promise<boolean> {
    if (this.#role?.kind !== 'replica') return false;
    return await this.#standby.hasCaughtUp(this.#role);
  }

  async withdraw(): Promise<Position> {
    this.#role = undefined;
    this.#standby.forget();
    this.#rule.forget();
    if (this.isRunning() && !(await this.#isStandby())) {
      // While it still runs its files keep the rule: settings without one, once read, would let commits pass alone.
      await this.#control.query('checkpoint', [], CHECKPOINT_BEFORE_END_MS).catch(() => undefined);
      await this.stop();
    }
    await this.#standby.withoutUpstream();
    return await this.#standby.position();
  }

  async configure(parameters: ParameterValues): Promise<void> {
    const { memberId } = this.#options;
    if (!this.isRunning()) {
      this.#files.parameters = parameters;
      return;
    }
    const role = this.#role;
    const ofRole = role?.kind === 'primary' ? replicationOf(role, memberId) : role && this.#standby.replicationOf(role);
    await reconfigure(this.#parts, parameters, ofRole === undefined ? [AT_REST] : [ofRole, AT_REST]);
  }

  async setAccounts(accounts: Accounts): Promise<void> {
    if (this.#role?.kind !== 'primary') throw new DriverError('refused', 'Only the primary makes users and databases.');
    const { serverPort: port, clock, session } = this.#options;
    const connection = { socketFolder: this.#layout.socketFolder, port, clock, session };
    await setAccounts(accounts, (database) => new Connection({ ...connection, database, synchronousCommit: 'on' }));
  }

  async probe(): Promise<ProbeResult> {
    await this.#server.limitLog();
    return await this.#probe.run(this.isRunning());
  }

  async stop(): Promise<void> {
    this.#disconnect();
    this.#rule.forget();
    await this.#server.stop();
    await this.#rest();
  }

  async cutPower(): Promise<void> {
    await this.#server.cutPower();
  }

  isRunning(): boolean {
    return this.#server.pid !== undefined;
  }

  onCrash(call: () => void): void {
    this.#server.onCrash(() => {
      this.#disconnect();
      this.#rule.forget();
      // The next start writes the door anew; until then a report must not say that it is open.
      this.#door.write('shut').then(call, call);
    });
  }

  async release(): Promise<void> {
    this.#disconnect();
    this.#server.release();
  }

  /** Cut off from its voters, a primary stops answering clients: what they would read may be stale. False: it is so. */
  async #guard(role: PrimaryRole): Promise<boolean> {
    const { clock, log, memberId } = this.#options;
    const now = clock.monotonicMs();
    if (this.#door.isOpen && now - this.#guardedMs < GUARD_MS) return true;
    this.#guardedMs = now;
    const streams = readStreams(await this.#control.query(STREAMS_QUERY));
    this.#isolation.see(role, memberId, streams, clock.monotonicMs());
    if (this.#isolation.cutOffMs(role, clock.monotonicMs()) < CLOSE_AFTER_MS) return true;
    if (this.#door.isOpen && this.#role === role) {
      await this.#empty();
      log.warn({ epoch: role.epoch }, 'The client door is shut: too few voters answer.');
    }
    return false;
  }

  /** What was waited for by who was inside can be seen from now on: others see it when the voters have flushed it. */
  async #empty(): Promise<void> {
    await this.#door.shut(this.#control);
    this.#rule.doubt();
  }

  /** True when the running server is the primary of this epoch already. */
  async #leads(epoch: number): Promise<boolean> {
    if (!this.isRunning() || (await isReplica(this.#control))) return false;
    return (await ownTimeline(this.#control)) === epoch;
  }

  /** A server that does not even answer is no standby: it is ended. */
  async #isStandby(): Promise<boolean> {
    return await isReplica(this.#control).catch(() => false);
  }

  async #becomePrimary(role: PrimaryRole): Promise<void> {
    const replication = replicationOf(role, this.#options.memberId);
    // A primary of an older epoch ends, and with it every session that waits for an acknowledgement.
    if (this.isRunning() && !(await isReplica(this.#control))) await this.stop();
    if (!this.isRunning()) {
      const { timeline } = await this.#server.controlFile();
      if (timeline > role.epoch) {
        throw new DriverError('refused', `The data is of epoch ${timeline}, newer than epoch ${role.epoch}.`);
      }
      await this.#files.write(replication);
      await this.#door.write('shut');
      await this.#server.start(timeline === role.epoch ? 'primary' : 'standby');
      if (timeline === role.epoch) return;
    } else {
      await this.#files.write(replication);
      await this.#door.shut(this.#control);
    }
    if (!this.#standby.isQuiet) {
      await endReceiver(this.#parts);
      await replayToEnd(this.#parts);
    }
    await promoteOnto(role.epoch, this.#parts);
    await this.#server.putAtRest();
  }

  async #rest(): Promise<void> {
    await this.#files.write(AT_REST);
    await this.#door.write('shut');
    await this.#server.putAtRest();
  }

  #disconnect(): void {
    this.#isolation.forget();
    this.#control.close();
    this.#background.close();
    this.#probe.close();
    this.#progress.close();
  }
}
