// The deterministic core's front door, in the vocabulary of etcd's RawNode. Its caller feeds it ticks, messages and
// proposals, and does what each `Ready` asks: nothing else gets out. Between `ready()` and `advance()` it may be fed
// further, so that proposals gather while the disk writes; but only one Ready is out at a time.
import { assert } from '../assert.ts';
import {
  type Entry,
  type HardState,
  type Message,
  type MessageType,
  makeMessage,
  none,
  payloadBytes,
  type ReadState,
  type Role,
  type Snapshot,
} from './messages.ts';
import type { ProgressState } from './progress.ts';
import { type CoreConfig, type CoreRecovery, RaftCore } from './raft.ts';
import { step, tick } from './step.ts';

const localTypes: readonly MessageType[] = ['MsgHup', 'MsgBeat', 'MsgCheckQuorum'];

export interface SoftState {
  readonly lead: number;
  readonly role: Role;
}

/** The order of the fields is the order of the duties. */
export interface Ready {
  readonly softState?: SoftState;
  /** Reads that are confirmed: serve each when its index is applied. */
  readonly readStates: readonly ReadState[];
  /** To be sent at once, also while the disk still writes (thesis §10.2.1). */
  readonly messages: readonly Message[];
  /** To be applied, in order. They are on this peer's disk already. */
  readonly committedEntries: readonly Entry[];
  /** To be made durable first, and given to the state machine; it replaces the log. */
  readonly snapshot?: Snapshot;
  /** To be made durable, together with `entries`. */
  readonly hardState?: HardState;
  /** To be made durable. They replace what the disk has from the first one's index on. */
  readonly entries: readonly Entry[];
  /** Whether more changed than the commit index. If not, `hardState` may be written with whatever comes next. */
  readonly mustSync: boolean;
  /** To be sent only when all of the above is durable; then call `advance()`. */
  readonly messagesAfterAppend: readonly Message[];
}

export type ProposeResult =
  | { readonly isAccepted: true; readonly index: number; readonly term: number }
  | { readonly isAccepted: false; readonly reason: 'not-leader' | 'too-much-uncommitted'; readonly lead: number };

export interface PeerProgress {
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  readonly isRecentlyActive: boolean;
}

export interface CoreStatus extends SoftState, HardState {
  readonly id: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
  readonly hasCommittedInTerm: boolean;
  /** What a leader knows of each peer; empty on others. */
  readonly progress: ReadonlyMap<number, PeerProgress>;
}

export class RawNode {
  readonly #raft: RaftCore;
  #previousHardState: HardState;
  #previousSoftState: SoftState;
  #snapshotInProgress: Snapshot | undefined;
  #outstanding: Ready | undefined;
  #stepsOnAdvance: Message[] = [];

  constructor(config: CoreConfig, recovery: CoreRecovery) {
    this.#raft = new RaftCore(config, recovery);
    this.#previousHardState = recovery.hardState;
    this.#previousSoftState = { lead: none, role: 'follower' };
  }

  tick(): void {
    tick(this.#raft);
  }

  /** Takes a message from another peer. Local types and strangers are ignored: they are no honest peer's. */
  step(message: Message): void {
    if (localTypes.includes(message.type) || message.to !== this.#raft.id || message.from === this.#raft.id) return;
    if (!this.#raft.voters.includes(message.from)) return;
    step(this.#raft, message);
  }

  /** Appends to the log if this peer leads, one entry each. The index is that of the first entry. */
  propose(data: readonly Uint8Array[]): ProposeResult {
    assert(data.length > 0, 'a proposal has data');
    const raft = this.#raft;
    if (raft.role !== 'leader') return { isAccepted: false, reason: 'not-leader', lead: raft.lead };
    const index = raft.log.lastIndex + 1;
    const entries = data.map((bytes) => ({ index: 0, term: 0, data: bytes }));
    step(raft, makeMessage('MsgProp', raft.id, { from: raft.id, entries }));
    if (raft.log.lastIndex < index) return { isAccepted: false, reason: 'too-much-uncommitted', lead: raft.lead };
    return { isAccepted: true, index, term: raft.term };
  }

  /** Asks for a linearizable read. The answer is a ReadState with this context, or never comes: then ask again. */
  readIndex(context: string): void {
    step(this.#raft, makeMessage('MsgReadIndex', this.#raft.id, { from: this.#raft.id, context }));
  }

  campaign(): void {
    step(this.#raft, makeMessage('MsgHup', this.#raft.id, { from: this.#raft.id }));
  }

  /** Forgets how long no leader was heard, because this process did not listen. */
  restartElectionTimer(): void {
    if (this.#raft.role !== 'leader') this.#raft.electionElapsed = 0;
  }

  /** Forgets entries up to `index`, which this durable snapshot of the state machine covers. */
  compact(snapshot: Snapshot, index: number): void {
    this.#raft.log.compact(snapshot, index);
  }

  hasReady(): boolean {
    const { log, messages, messagesAfterAppend, readStates, config } = this.#raft;
    return (
      messages.length > 0 ||
      messagesAfterAppend.length > 0 ||
      readStates.length > 0 ||
      (log.pendingSnapshot !== undefined && log.pendingSnapshot !== this.#snapshotInProgress) ||
      log.inProgress < log.lastIndex ||
      log.nextCommitted(config.limits.maxAppliedBytesPerReady).length > 0 ||
      this.#changedHardState() !== undefined ||
      this.#changedSoftState() !== undefined
    );
  }

  /**
   * What may leave at once, also between `ready()` and `advance()`: heartbeats and their answers must not wait
   * for a slow disk, nor must the followers' disks wait for the leader's (thesis §10.2.1).
   */
  takeMessages(): readonly Message[] {
    const { messages } = this.#raft;
    if (messages.length > 0) this.#raft.messages = [];
    return messages;
  }

  ready(): Ready {
    assert(this.#outstanding === undefined, 'one Ready at a time');
    const raft = this.#raft;
    const { log } = raft;
    const hardState = this.#changedHardState();
    const softState = this.#changedSoftState();
    const entries = log.nextUnstable();
    const snapshot = log.pendingSnapshot;
    const committedEntries = log.nextCommitted(raft.config.limits.maxAppliedBytesPerReady);
    const previous = this.#previousHardState;
    const ready: Ready = {
      ...(softState === undefined ? {} : { softState }),
      readStates: raft.readStates,
      messages: raft.messages,
      committedEntries,
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(hardState === undefined ? {} : { hardState }),
      entries,
      mustSync:
        entries.length > 0 || snapshot !== undefined || raft.term !== previous.term || raft.vote !== previous.vote,
      messagesAfterAppend: raft.messagesAfterAppend.filter((message) => message.to !== raft.id),
    };
    this.#stepsOnAdvance = raft.messagesAfterAppend.filter((message) => message.to === raft.id);
    raft.readStates = [];
    raft.messages = [];
    raft.messagesAfterAppend = [];
    if (hardState !== undefined) this.#previousHardState = hardState;
    if (softState !== undefined) this.#previousSoftState = softState;
    this.#snapshotInProgress = snapshot;
    log.inProgress = log.lastIndex;
    log.applying += committedEntries.length;
    this.#outstanding = ready;
    return ready;
  }

  /** All that the last Ready asked is done. */
  advance(): void {
    const ready = this.#outstanding;
    assert(ready !== undefined, 'advance follows ready');
    this.#outstanding = undefined;
    const raft = this.#raft;
    if (ready.snapshot !== undefined) raft.log.restored(ready.snapshot);
    this.#snapshotInProgress = undefined;
    const applied = ready.committedEntries.at(-1);
    if (applied !== undefined) raft.log.applied = Math.max(raft.log.applied, applied.index);
    raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - payloadBytes(ready.committedEntries));
    const last = ready.entries.at(-1);
    if (last !== undefined) raft.log.stableTo(last.index, last.term);
    for (const message of this.#stepsOnAdvance) step(raft, message);
    this.#stepsOnAdvance = [];
  }

  status(): CoreStatus {
    const raft = this.#raft;
    const progress = new Map<number, PeerProgress>();
    if (raft.role === 'leader') {
      for (const [id, { match, next, state, recentActive }] of raft.progress) {
        progress.set(id, { match, next, state, isRecentlyActive: id === raft.id || recentActive });
      }
    }
    return {
      id: raft.id,
      lead: raft.lead,
      role: raft.role,
      ...raft.hardState(),
      applied: raft.log.applied,
      firstIndex: raft.log.firstIndex,
      lastIndex: raft.log.lastIndex,
      snapshotIndex: raft.log.snapshot?.metadata.index ?? 0,
      hasCommittedInTerm: raft.role === 'leader' && raft.hasCommittedInTerm,
      progress,
    };
  }

  #changedHardState(): HardState | undefined {
    const now = this.#raft.hardState();
    const before = this.#previousHardState;
    const isSame = now.term === before.term && now.vote === before.vote && now.commit === before.commit;
    return isSame ? undefined : now;
  }

  #changedSoftState(): SoftState | undefined {
    const { lead, role } = this.#raft;
    const before = this.#previousSoftState;
    return lead === before.lead && role === before.role ? undefined : { lead, role };
  }
}
