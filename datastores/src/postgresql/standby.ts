// A server that is a standby: with an upstream, or without one. The order of things is the protocol: what is received
// from an older epoch after the member has said where its log ends would be an acknowledgement that nobody knows of.
import { join } from 'node:path';
import type { Position } from '../definition.ts';
import { DivergedError, type KeptTail, type ReplicaRole, type Upstream } from '../driver.ts';
import { AT_REST, conninfo, type ReplicationSettings, slotName, streamName } from './config.ts';
import { dropIdleSlots } from './contents.ts';
import type { Door } from './door.ts';
import { LSN_QUERY, positionAt } from './log-position.ts';
import type { MemberFiles } from './member-files.ts';
import { comparePositions, type Divergence, divergence, readHistory } from './positions.ts';
import { endReceiver, type Promotion, replayToEnd } from './promotion.ts';
import { forgetRewound, readRewound } from './rewind.ts';
import type { PostgresServer } from './server.ts';
import { keepTail, measureTail } from './tail.ts';
import { fetchEnd, fetchHistory } from './upstream.ts';

/** The log since the last common checkpoint comes from the upstream and is replayed. */
const REWOUND_START_MS = 60_000;

export interface StandbyParts extends Promotion {
  readonly files: MemberFiles;
  readonly server: PostgresServer;
  readonly door: Door;
}

export class Standby {
  readonly #parts: StandbyParts;
  /** Why this member cannot follow its upstream, ever. */
  #refusal: DivergedError | undefined;
  /** How far the primary's log reached when it was asked. */
  #goal: Position | undefined;
  #quietPid: number | undefined;

  constructor(parts: StandbyParts) {
    this.#parts = parts;
  }

  /** True when the server that runs was seen to receive from nobody, with all of its log replayed. */
  get isQuiet(): boolean {
    return this.#quietPid !== undefined && this.#quietPid === this.#parts.server.pid;
  }

  forget(): void {
    this.#refusal = undefined;
    this.#goal = undefined;
  }

  /** A running standby that receives from nobody, and has replayed all that it has. */
  async withoutUpstream(): Promise<void> {
    const { files, server, door, control } = this.#parts;
    if (this.isQuiet) return;
    await files.write(AT_REST);
    if (server.pid !== undefined) {
      // The receiver from an older epoch ends now, not when replay has caught up.
      await door.reload(control);
      await endReceiver(this.#parts);
    } else {
      await door.write('shut');
      await server.start('standby');
    }
    await replayToEnd(this.#parts);
    this.#quietPid = server.pid;
  }

  /** `known` is what the running server was told before. */
  async follow(role: ReplicaRole, known: ReplicaRole | undefined): Promise<void> {
    const { files, server, door, control } = this.#parts;
    const replication = this.replicationOf(role);
    const isRunning = server.pid !== undefined;
    this.forget();
    // Within an epoch the primary stays the same, and this log goes on with its own: the stream takes the name of the
    // new rule, and nothing else changes. Whoever wrote the files may have died before the server read them.
    const rewoundTo = await readRewound(this.#parts);
    if (rewoundTo !== undefined) return await this.#followRewound(role, rewoundTo);
    const isSame = known?.epoch === role.epoch && known.upstream.memberId === role.upstream.memberId;
    if (isRunning && (await files.say(replication))) return await door.reload(control);
    if (isRunning && isSame && (await files.say(this.replicationOf(known)))) {
      await files.write(replication);
      return await door.reload(control);
    }

    await this.withoutUpstream();
    await this.#leaveTimelines(await this.#checkFit(role));
    this.#quietPid = undefined;
    await files.write(replication);
    await door.write('open');
    await door.reload(control);
    // A replica keeps nobody's log.
    await dropIdleSlots(control, () => []);
  }

  /**
   * Data that were rewound fit together only when more of the upstream's log has come, so that the server cannot begin
   * without one. That this log goes on with the epoch's is known: it is a copy of it.
   */
  async #followRewound(role: ReplicaRole, rewoundTo: number): Promise<void> {
    const { files, server, door, control } = this.#parts;
    if (rewoundTo !== role.epoch) {
      const reason = `The data were rewound to epoch ${rewoundTo}, which ended before they were whole: they must be seeded.`;
      this.#refusal = new DivergedError(reason, { bytes: 0, transactions: 0 });
      throw this.#refusal;
    }
    this.#quietPid = undefined;
    await files.write(this.replicationOf(role));
    await door.write('open');
    if (server.pid === undefined) await server.start('standby', REWOUND_START_MS);
    else await door.reload(control);
    await forgetRewound(this.#parts);
    await dropIdleSlots(control, () => []);
  }

  /** Keeps what this log holds beyond the point at which the epoch of `source` left it. */
  async saveTail(
    source: Upstream,
    { epoch, mustKeep }: { epoch: number; mustKeep: boolean },
  ): Promise<KeptTail | undefined> {
    if ((await readRewound(this.#parts)) !== undefined) return { bytes: 0, transactions: 0, folder: null };
    await this.withoutUpstream();
    const { end, found } = await this.#compare(epoch, source);
    return found === undefined
      ? undefined
      : await keepTail({ end, leftAt: found.leftAt, epoch, mustKeep }, this.#parts);
  }

  async position(): Promise<Position> {
    const [end] = await this.#parts.control.query(LSN_QUERY);
    return await positionAt(this.#parts, String(end?.lsn));
  }

  async isFollowing(role: ReplicaRole): Promise<Position | undefined> {
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#parts.server.pid === undefined) return undefined;
    const name = streamName({ ...role, memberId: this.#parts.options.memberId });
    const [row] = await this.#parts.control.query(
      // A receiver that went over to another timeline shows its settings as they are written, with quotes.
      `select status = 'streaming' and (strpos(conninfo, $1) > 0 or strpos(conninfo, $2) > 0) as is_streaming
        from pg_stat_wal_receiver`,
      [`application_name=${name} `, `application_name='${name}' `],
    );
    if (row?.is_streaming !== true) return undefined;
    const position = await this.position();
    return position.epoch === role.epoch ? position : undefined;
  }

  async hasCaughtUp(role: ReplicaRole): Promise<boolean> {
    const position = await this.isFollowing(role);
    if (position === undefined) return false;
    if (this.#goal === undefined) {
      const goal = await fetchEnd(role.upstream, this.#parts);
      if (goal.epoch !== role.epoch) return false;
      this.#goal = goal;
    }
    return comparePositions(position, this.#goal) >= 0;
  }

  /**
   * A standby that has gone over to a timeline of which it never got a record does not leave it for one that does not
   * come from it. Then what says where that timeline began is taken away, and the server starts anew.
   */
  async #leaveTimelines(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const { options, layout, server } = this.#parts;
    options.log.info({ histories: names }, 'The database starts anew, to follow a timeline that left these out.');
    await server.stop();
    for (const name of names) await options.files.removeDurably(join(layout.walFolder, name));
    await this.withoutUpstream();
  }

  /** Histories of timelines that this epoch left out and of which this log holds nothing. */
  async #leftOut(epoch: number, end: Position, history: string): Promise<string[]> {
    const { options, layout } = this.#parts;
    const ancestors = new Set(readHistory(history).map(({ timeline }) => timeline));
    const names = (await options.files.list(layout.walFolder)).filter((name) => /^[0-9A-F]{8}\.history$/.test(name));
    const left: string[] = [];
    for (const name of names) {
      const timeline = Number.parseInt(name.slice(0, 8), 16);
      if (timeline <= end.epoch || timeline === epoch || ancestors.has(timeline)) continue;
      // Empty ones fill the gaps of a promotion, and lead nowhere.
      if (((await options.files.size(join(layout.walFolder, name))) ?? 0) > 0) left.push(name);
    }
    return left;
  }

  /** What `#leftOut` finds. @throws DivergedError when this log can never go on with that of the upstream */
  async #checkFit({ epoch, upstream }: ReplicaRole): Promise<string[]> {
    const { end, found, history } = await this.#compare(epoch, upstream);
    if (found === undefined) return history === undefined ? [] : await this.#leftOut(epoch, end, history);
    const tail = await measureTail(end, found.leftAt, this.#parts);
    this.#refusal = new DivergedError(`${found.reason} by epoch ${epoch}.`, tail);
    throw this.#refusal;
  }

  /** Where the log of this standby without upstream ends, and where that epoch left it. */
  async #compare(
    epoch: number,
    upstream: Upstream,
  ): Promise<{ end: Position; found: Divergence | undefined; history?: string }> {
    const { control } = this.#parts;
    // Whole records only: of the last one that was received, a part may be missing, and it will be written over.
    const [end] = await control.query('select pg_last_wal_replay_lsn()::text as lsn');
    const position = await positionAt(this.#parts, String(end?.lsn));
    // A record of the epoch comes from its primary, and so does all before it.
    if (position.epoch === epoch) return { end: position, found: undefined };
    const history = await fetchHistory(upstream, epoch, this.#parts);
    return { end: position, found: divergence(position, history), history };
  }

  /** What the files say of replication while this role is in force. */
  replicationOf(role: ReplicaRole): ReplicationSettings {
    const { memberId } = this.#parts.options;
    const name = streamName({ ...role, memberId });
    return {
      ...AT_REST,
      isAtRest: false,
      primaryConninfo: conninfo(role.upstream, this.#parts.layout, name),
      primarySlotName: slotName(memberId),
    };
  }
}
