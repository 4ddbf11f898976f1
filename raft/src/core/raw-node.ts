// The deterministic core's front door, in the vocabulary of etcd's RawNode. Its caller feeds it ticks, messages and
// proposals, and does what each `Ready` asks: nothing else gets out. Between `ready()` and `advance()` it may be fed
// further, so that proposals gather while the disk writes; but only one Ready is out at a time. With asynchronous
// storage there is no `advance()`: a Ready is done with when the storage messages in it are answered.
import { assert } from '../assert.ts';
import { asV2, type ConfChange, encodeConfChange } from './conf-change.ts';
import {
  type ConfState,
  type Entry,
  type HardState,
  isLocal,
  isLocalThread,
  isResponse,
  type Message,
  type MessageContent,
  type MessageType,
  makeMessage,
  none,
  type ReadState,
  type Snapshot,
} from './messages.ts';
import { isLeaving } from './proposing.ts';
import { type CoreConfig, type CoreRecovery, RaftCore, type StepRefusal } from './raft.ts';
import {
  type Ready,
  type SoftState,
  storageAppend,
  storageAppendResponse,
  storageApply,
  storageApplyResponse,
} from './ready.ts';
import { applyConfChange } from './reconfiguration.ts';
import { type BasicStatus, basicStatusOf, type CoreStatus, statusOf } from './status.ts';
import { step, tick } from './step.ts';

export type { Ready, SoftState } from './ready.ts';
export type { BasicStatus, CoreStatus, PeerProgress } from './status.ts';

/** Why a message was not taken. All but a dropped proposal are no honest peer's, or too late. */
export type Refusal = StepRefusal | 'local-message' | 'peer-not-found';

export type ProposeResult =
  | { readonly isAccepted: true; readonly index: number; readonly term: number }
  /** `transferring`: another is to lead, soon. `forwarded`: it was sent to the leader, and whether it is appended there is not known. The others surely are not. */
  | {
      readonly isAccepted: false;
      readonly reason: 'not-leader' | 'too-much-uncommitted' | 'transferring' | 'forwarded';
      readonly lead: number;
    };

export class RawNode {
  readonly #raft: RaftCore;
  #previousHardState: HardState;
  #previousSoftState: SoftState;
  #isOutstanding = false;
  #stepsOnAdvance: Message[] = [];

  constructor(config: CoreConfig, recovery: CoreRecovery) {
    this.#raft = new RaftCore(config, recovery);
    this.#previousHardState = this.#raft.hardState();
    this.#previousSoftState = { lead: none, role: 'follower' };
  }

  tick(): void {
    tick(this.#raft);
  }

  /**
   * How many ticks' time has passed since the start. For a caller whose ticks come late or get lost, as a process's do
   * that stands still: then leases are measured by this, and not by the ticks that came.
   */
  measureTime(ticks: number): void {
    this.#raft.measuredTicks = ticks;
  }

  /** Takes a message from another peer, or from this peer's own storage. */
  step(message: Message): Refusal | undefined {
    const { id, config, progress } = this.#raft;
    const { type, from, to } = message;
    const isFromStorage = isLocalThread(from);
    // With asynchronous storage, a peer's answers to itself come back this way.
    const isFromSelf = from === id && !(config.asyncStorageWrites === true && isResponse(type));
    if (to !== id || isFromSelf || (isLocal(type) && !isFromStorage)) return 'local-message';
    if (isResponse(type) && !isFromStorage && !progress.has(from)) return 'peer-not-found';
    return step(this.#raft, message);
  }

  /** Appends to the log if this peer leads, one entry each. The index is that of the first entry. */
  propose(data: readonly Uint8Array[]): ProposeResult {
    assert(data.length > 0, 'a proposal has data');
    return this.proposeEntries(data.map((bytes) => ({ data: bytes })));
  }

  /** A change that cannot be made now is appended as an empty entry: look at what is applied at its index. */
  proposeConfChange(change: ConfChange): ProposeResult {
    return this.proposeEntries([encodeConfChange(change)]);
  }

  /** As `propose`, for entries of any type. */
  proposeEntries(content: readonly Pick<Entry, 'type' | 'data'>[]): ProposeResult {
    const raft = this.#raft;
    const { role, lead } = raft;
    const index = raft.log.lastIndex + 1;
    const entries = content.map((entry) => ({ index: 0, term: 0, ...entry }));
    const refusal = this.#stepLocal('MsgProp', { entries });
    if (refusal === undefined) {
      return role === 'leader'
        ? { isAccepted: true, index, term: raft.term }
        : { isAccepted: false, reason: 'forwarded', lead };
    }
    const reason = isLeaving(raft) || raft.leadTransferee !== none ? 'transferring' : 'too-much-uncommitted';
    return { isAccepted: false, reason: role === 'leader' && raft.progress.has(raft.id) ? reason : 'not-leader', lead };
  }

  /**
   * To be called for each change of membership among the committed entries, in their order, when it is applied. The
   * result belongs into the metadata of snapshots. Throws MembershipError when the change fits not at all, which only
   * `disableConfChangeValidation` allows. With `index`, that of the entry, nothing happens when a snapshot from the
   * leader, which may still wait to be installed, has the change already.
   */
  applyConfChange(change: ConfChange, index = Number.POSITIVE_INFINITY): ConfState {
    const raft = this.#raft;
    return index <= raft.restoredIndex ? raft.confState : applyConfChange(raft, asV2(change));
  }

  /** Asks for a linearizable read. The answer is a ReadState with this context, or never comes: then ask again. */
  readIndex(context: string): void {
    this.#stepLocal('MsgReadIndex', { context });
  }

  campaign(): void {
    this.#stepLocal('MsgHup');
  }

  /** Asks the leader, from any peer, to let `transferee` lead. It may come to nothing: look at who leads. */
  transferLeadership(transferee: number): void {
    this.#stepLocal('MsgTransferLeader', { from: transferee });
  }

  /** A follower gives up on its leader, so that it may vote at once, and does not campaign itself (CockroachDB's use). */
  forgetLeader(): void {
    this.#stepLocal('MsgForgetLeader');
  }

  /** A leader gives up leading, for a reason that only its caller knows. */
  stepDown(): void {
    if (this.#raft.role === 'leader') this.#raft.becomeFollower(this.#raft.term, none);
  }

  /** What was sent to this peer last is probably lost. */
  reportUnreachable(id: number): void {
    this.#stepLocal('MsgUnreachable', { from: id });
  }

  /** What became of the snapshot for this peer, when the caller knows it before the peer speaks. */
  reportSnapshot(id: number, isDelivered: boolean): void {
    this.#stepLocal('MsgSnapStatus', { from: id, reject: !isDelivered });
  }

  #stepLocal(type: MessageType, content: MessageContent = {}): StepRefusal | undefined {
    return step(this.#raft, makeMessage(type, this.#raft.id, { from: this.#raft.id, ...content }));
  }

  /** Forgets how long no leader was heard, because this process did not listen. */
  restartElectionTimer(): void {
    if (this.#raft.role !== 'leader') this.#raft.electionElapsed = 0;
  }

  /** Sets the election timeout in ticks until the role changes, for scenarios and simulators. */
  setRandomizedElectionTicks(ticks: number): void {
    this.#raft.randomizedElectionTicks = ticks;
  }

  /** The last entry of the snapshot that waits to be installed; 0 when none does. */
  get pendingSnapshotIndex(): number {
    return this.#raft.log.pendingSnapshot?.metadata.index ?? 0;
  }

  /** Forgets entries up to `index`, which this durable snapshot of the state machine covers. */
  compact(snapshot: Snapshot, index: number): void {
    this.#raft.log.compact(snapshot, index);
  }

  /** Forgets entries up to `index`; for who has a `snapshotSource`. */
  forget(index: number): void {
    this.#raft.log.forget(index);
  }

  hasReady(): boolean {
    const { log, messages, messagesAfterAppend, readStates, appliesUnstable } = this.#raft;
    return (
      messages.length > 0 ||
      messagesAfterAppend.length > 0 ||
      readStates.length > 0 ||
      log.nextSnapshot() !== undefined ||
      log.inProgress < log.lastIndex ||
      log.hasNextCommitted(appliesUnstable) ||
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

  /** Reads that are confirmed, also between `ready()` and `advance()`: they depend on no disk. */
  takeReadStates(): readonly ReadState[] {
    const { readStates } = this.#raft;
    if (readStates.length > 0) this.#raft.readStates = [];
    return readStates;
  }

  ready(): Ready {
    assert(!this.#isOutstanding, 'one Ready at a time');
    const raft = this.#raft;
    const isAsync = raft.config.asyncStorageWrites === true;
    const ready = this.#collect();
    const messages = [...ready.messages];
    if (isAsync) {
      const work = [storageAppend(raft, ready), storageApply(raft, ready.committedEntries)];
      messages.push(...work.filter((message) => message !== undefined));
    } else {
      const answers = [storageAppendResponse(raft, ready.snapshot), storageApplyResponse(raft, ready.committedEntries)];
      const toSelf = raft.messagesAfterAppend.filter((message) => message.to === raft.id);
      this.#stepsOnAdvance = [...toSelf, ...answers.filter((message) => message !== undefined)];
      this.#isOutstanding = true;
    }
    this.#accept(ready);
    return { ...ready, messages, messagesAfterAppend: isAsync ? [] : ready.messagesAfterAppend };
  }

  #collect(): Ready {
    const raft = this.#raft;
    const hardState = this.#changedHardState();
    const softState = this.#changedSoftState();
    const entries = raft.log.nextUnstable();
    const snapshot = raft.log.nextSnapshot();
    const { term, vote } = this.#previousHardState;
    return {
      ...(softState === undefined ? {} : { softState }),
      readStates: raft.readStates,
      messages: raft.messages,
      committedEntries: raft.log.nextCommitted(raft.appliesUnstable),
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(hardState === undefined ? {} : { hardState }),
      entries,
      mustSync: entries.length > 0 || raft.term !== term || raft.vote !== vote,
      messagesAfterAppend: raft.messagesAfterAppend.filter((message) => message.to !== raft.id),
    };
  }

  #accept({ hardState, softState, committedEntries }: Ready): void {
    const raft = this.#raft;
    raft.readStates = [];
    raft.messages = [];
    raft.messagesAfterAppend = [];
    if (hardState !== undefined) this.#previousHardState = hardState;
    if (softState !== undefined) this.#previousSoftState = softState;
    raft.log.acceptUnstable();
    raft.log.acceptApplying(committedEntries, raft.appliesUnstable);
  }

  /** All that the last Ready asked is done. */
  advance(): void {
    assert(this.#isOutstanding, 'advance follows ready');
    this.#isOutstanding = false;
    const steps = this.#stepsOnAdvance;
    this.#stepsOnAdvance = [];
    for (const message of steps) step(this.#raft, message);
  }

  status(): CoreStatus {
    return statusOf(this.#raft);
  }

  /** As `status`, without what takes time to put together. */
  basicStatus(): BasicStatus {
    return basicStatusOf(this.#raft);
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
