// The driver of PostgreSQL: what the agent asks, in terms of the server's process, its files and its connections. The
// order of things in `lead` and `follow` is the protocol; each line of it is there because leaving it out loses an
// acknowledged write.
import { existsSync } from 'node:fs';
import type { Position } from '../definition.ts';
import {
  type Driver,
  DriverError,
  type DriverOptions,
  type PrimaryRole,
  type ProbeResult,
  type ReplicaRole,
  type Role,
  type ServerCertificate,
  type Upstream,
} from '../driver.ts';
import { ensureFolder, readIfThere, writeDurably } from '../durable-files.ts';
import {
  AT_REST,
  conninfo,
  type MemberSettings,
  NAME_BYTES,
  type ReplicationSettings,
  renderConfig,
  renderIdent,
  slotName,
  streamName,
  synchronousStandbyNames,
} from './config.ts';
import { Connection } from './connection.ts';
import { dropSlots, ensureAdmin, ensureOwnObjects, ensureSlots, writeBarrier } from './contents.ts';
import { readControlFile } from './control-file.ts';
import { copyData, empty, initialiseData } from './copy.ts';
import { Door } from './door.ts';
import { type Layout, layoutOf, SOCKET_PATH_BYTES } from './layout.ts';
import { isReplica, LSN_QUERY, ownTimeline, positionAt } from './log-position.ts';
import { divergence, readLsn } from './positions.ts';
import { Probe } from './probe.ts';
import { endReceiver, type Promotion, promoteOnto, replayToEnd } from './promotion.ts';
import { PostgresServer } from './server.ts';
import { readStreams, STREAMS_QUERY, votersBehind } from './streams.ts';
import { fetchHistory } from './upstream-history.ts';

const CONTROL_FILE_MS = 10_000;

/** @throws DriverError `refused` when names or paths are longer than the server takes. */
export function postgresqlDriver(options: DriverOptions): Driver {
  const layout = layoutOf(options.volume, options.runFolder);
  const socket = `${layout.socketFolder}/.s.PGSQL.${options.port}.lock`;
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
  readonly #control: Connection;
  readonly #probe: Probe;
  #role: Role | undefined;
  /** What k voters must have flushed before the door opens; undefined while that is not known. */
  #barrier: bigint | undefined;
  /** Why this member cannot follow its upstream, ever. */
  #refusal: DriverError | undefined;

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#layout = layout;
    this.#server = new PostgresServer(options, layout);
    this.#door = new Door(options, layout, this.#server);
    const connection = { socketFolder: layout.socketFolder, port: options.port, clock: options.clock };
    this.#control = new Connection({ ...connection, synchronousCommit: 'local' });
    this.#probe = new Probe({ options, layout, door: this.#door, connection });
  }

  async recover(role: Role | null): Promise<boolean> {
    const { owner } = this.#options;
    for (const folder of [...this.#layout.folders, this.#layout.socketFolder]) {
      await ensureFolder(folder, { mode: 0o700, owner });
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
    const options = { mode: 0o600, owner: this.#options.owner };
    await writeDurably(this.#layout.rootFile, root, options);
    await writeDurably(this.#layout.keyFile, key, options);
    await writeDurably(this.#layout.certificateFile, certificate, options);
    this.#server.reload();
  }

  async initialise(): Promise<void> {
    await this.stop();
    const context = { options: this.#options, layout: this.#layout, server: this.#server };
    await empty(context);
    await initialiseData(context);
  }

  async seed(source: Upstream): Promise<Position> {
    await this.stop();
    this.#refusal = undefined;
    const context = { options: this.#options, layout: this.#layout, server: this.#server };
    await empty(context);
    return await copyData(context, source);
  }

  async lead(role: PrimaryRole): Promise<Position> {
    this.#role = role;
    const replication = {
      ...AT_REST,
      synchronousStandbyNames: synchronousStandbyNames(role.rule, {
        memberId: this.#options.memberId,
        epoch: role.epoch,
      }),
    };
    if (await this.#leads(role.epoch)) {
      await this.#writeConfig(replication);
      await this.#door.reload(this.#control);
    } else {
      this.#barrier = undefined;
      await this.#becomePrimary(role, replication);
    }
    await ensureOwnObjects(this.#control);
    await ensureSlots(this.#control, role.peers);
    if (role.admin !== null) await ensureAdmin(this.#control, role.admin);
    const barrier = await writeBarrier(this.#control, role.epoch);
    this.#barrier ??= readLsn(barrier);
    return { epoch: role.epoch, value: barrier };
  }

  async tryOpen(): Promise<boolean> {
    const role = this.#role;
    const barrier = this.#barrier;
    if (role?.kind !== 'primary' || barrier === undefined || !this.isRunning()) return false;
    if (this.#door.isOpen) return true;

    const streams = readStreams(await this.#control.query(STREAMS_QUERY));
    const { memberId } = this.#options;
    const behind = votersBehind(streams, { rule: role.rule, memberId, epoch: role.epoch, barrier });
    if (behind < role.rule.acknowledgements) return false;
    await this.#door.open(this.#control);
    this.#options.log.info({ epoch: role.epoch, voters: behind }, 'The client door is open.');
    return true;
  }

  async follow(role: ReplicaRole): Promise<void> {
    const name = streamName({ ...role, memberId: this.#options.memberId });
    const replication = {
      ...AT_REST,
      primaryConninfo: conninfo(role.upstream, this.#layout, name),
      primarySlotName: slotName(this.#options.memberId),
    };
    if (this.isRunning() && !(await isReplica(this.#control))) await this.stop();
    this.#role = role;
    this.#barrier = undefined;
    this.#refusal = undefined;
    const known = await readIfThere(this.#layout.configFile);
    if (this.isRunning() && known === renderConfig(this.#settings(), replication)) {
      // Whoever wrote it may have died before the server read it.
      await this.#door.reload(this.#control);
      return;
    }
    await this.#withoutUpstream();
    await this.#checkFit(role);
    await this.#writeConfig(replication);
    await this.#door.write('open');
    await this.#door.reload(this.#control);
    await dropSlots(this.#control);
  }

  /** A running replica that receives from nobody, and has replayed all that it has. */
  async #withoutUpstream(): Promise<void> {
    await this.#writeConfig(AT_REST);
    if (this.isRunning()) {
      // The receiver from an older epoch ends now, not when replay has caught up.
      await this.#door.reload(this.#control);
      await endReceiver(this.#promotion());
    } else {
      await this.#door.write('shut');
      await this.#server.start('standby');
    }
    await replayToEnd(this.#promotion());
  }

  /** @throws DriverError `refused` when this log can never go on with that of the upstream */
  async #checkFit({ epoch, upstream }: ReplicaRole): Promise<void> {
    const position = await this.#position();
    // A record of the epoch comes from its primary, and so does all before it.
    if (position.epoch === epoch) return;
    const { clock } = this.#options;
    const history = await fetchHistory(upstream, { epoch, layout: this.#layout, clock });
    const reason = divergence(position, history);
    if (reason === undefined) return;
    this.#refusal = new DriverError('refused', `${reason} by epoch ${epoch}: it must be seeded.`);
    throw this.#refusal;
  }

  async #position(): Promise<Position> {
    const [end] = await this.#control.query(LSN_QUERY);
    return await positionAt(this.#layout.walFolder, String(end?.lsn));
  }

  async isFollowing(): Promise<Position | undefined> {
    const role = this.#role;
    if (this.#refusal !== undefined) throw this.#refusal;
    if (role?.kind !== 'replica' || !this.isRunning()) return undefined;
    const name = streamName({ ...role, memberId: this.#options.memberId });
    const [row] = await this.#control.query(
      // A receiver that went over to another timeline shows its settings as they are written, with quotes.
      `select status = 'streaming' and (strpos(conninfo, $1) > 0 or strpos(conninfo, $2) > 0) as is_streaming
        from pg_stat_wal_receiver`,
      [`application_name=${name} `, `application_name='${name}' `],
    );
    if (row?.is_streaming !== true) return undefined;
    const position = await this.#position();
    return position.epoch === role.epoch ? position : undefined;
  }

  async probe(): Promise<ProbeResult> {
    await this.#server.limitLog();
    return await this.#probe.run(this.#role, this.isRunning());
  }

  async stop(): Promise<void> {
    this.#control.close();
    this.#probe.close();
    await this.#server.stop();
    await this.#rest();
  }

  isRunning(): boolean {
    return this.#server.pid !== undefined;
  }

  onCrash(call: () => void): void {
    this.#server.onCrash(() => {
      this.#control.close();
      this.#probe.close();
      // The next start writes the door anew; until then a report must not say that it is open.
      this.#door.write('shut').then(call, call);
    });
  }

  async release(): Promise<void> {
    this.#control.close();
    this.#probe.close();
    this.#server.release();
  }

  /** True when the running server is the primary of this epoch already. */
  async #leads(epoch: number): Promise<boolean> {
    if (!this.isRunning() || (await isReplica(this.#control))) return false;
    return (await ownTimeline(this.#control)) === epoch;
  }

  async #becomePrimary(role: PrimaryRole, replication: ReplicationSettings): Promise<void> {
    // A primary of an older epoch ends, and with it every session that waits for an acknowledgement.
    if (this.isRunning() && !(await isReplica(this.#control))) await this.stop();
    if (!this.isRunning()) {
      const timeline = await this.#timelineAtRest();
      if (timeline > role.epoch) {
        throw new DriverError('refused', `The data is of epoch ${timeline}, newer than epoch ${role.epoch}.`);
      }
      await this.#writeConfig(replication);
      await this.#door.write('shut');
      await this.#server.start(timeline === role.epoch ? 'primary' : 'standby');
      if (timeline === role.epoch) return;
    } else {
      await this.#writeConfig(replication);
      await this.#door.shut(this.#control);
    }
    await endReceiver(this.#promotion());
    await replayToEnd(this.#promotion());
    await promoteOnto(role.epoch, this.#promotion());
    await this.#server.putAtRest();
  }

  async #timelineAtRest(): Promise<number> {
    const program = this.#server.program('pg_controldata', this.#layout.data);
    const result = await this.#options.processes.run(program, CONTROL_FILE_MS);
    if (result.code !== 0) throw new DriverError('failed', 'The data directory has no readable control file.');
    return readControlFile(result.stdout).timeline;
  }

  async #rest(): Promise<void> {
    await this.#writeConfig(AT_REST);
    await this.#door.write('shut');
    await this.#server.putAtRest();
  }

  async #writeConfig(replication: ReplicationSettings): Promise<void> {
    const options = { mode: 0o600, owner: this.#options.owner };
    const settings = this.#settings();
    await writeDurably(this.#layout.identFile, renderIdent(settings), options);
    await writeDurably(this.#layout.configFile, renderConfig(settings, replication), options);
    if (existsSync(this.#layout.autoConfigFile)) await writeDurably(this.#layout.autoConfigFile, '', options);
  }

  #settings(): MemberSettings {
    const { clusterId, memberId, address, port, owner } = this.#options;
    const timezone = existsSync('/usr/share/zoneinfo/UTC') ? 'UTC' : 'GMT';
    return { clusterId, memberId, address, port, layout: this.#layout, agentUser: owner.agentUser, timezone };
  }

  #promotion(): Promotion {
    return { options: this.#options, layout: this.#layout, control: this.#control };
  }
}
