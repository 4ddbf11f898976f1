// What a Ready holds, and the messages by which storage is asked for it and answers. They are the same whether storage
// works between `ready` and `advance` or on its own (etcd's AsyncStorageWrites); only who delivers them differs.
import {
  type Entry,
  type HardState,
  localAppendThread,
  localApplyThread,
  type Message,
  makeMessage,
  type ReadState,
  type Role,
  type Snapshot,
} from './messages.ts';
import type { RaftCore } from './raft.ts';

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
  /** To be applied, in order. They are on this peer's disk already, unless `applyUnstableEntries` says otherwise. */
  readonly committedEntries: readonly Entry[];
  /** To be made durable first, and given to the state machine; it replaces the log. */
  readonly snapshot?: Snapshot;
  /** To be made durable, together with `entries`. */
  readonly hardState?: HardState;
  /** To be made durable. They replace what the disk has from the first one's index on. */
  readonly entries: readonly Entry[];
  /** Whether entries, term or vote changed. If not, `hardState` may be written with whatever comes next. */
  readonly mustSync: boolean;
  /** To be sent only when all of the above is durable; then call `advance()`. Empty with asynchronous storage. */
  readonly messagesAfterAppend: readonly Message[];
}

/** What is to be written; undefined when nothing is, and nobody waits for what was asked for before. */
export function storageAppend(raft: RaftCore, ready: Ready): Message | undefined {
  const { hardState, snapshot, entries } = ready;
  const isIdle = entries.length === 0 && hardState === undefined && snapshot === undefined;
  if (isIdle && raft.messagesAfterAppend.length === 0) return undefined;
  const answer = storageAppendResponse(raft, snapshot);
  return makeMessage('MsgStorageAppend', localAppendThread, {
    from: raft.id,
    entries,
    ...(hardState ?? {}),
    ...(snapshot === undefined ? {} : { snapshot }),
    // The leader counts its own entries before it takes them for durable, as its followers' answers come.
    responses: [...raft.messagesAfterAppend, ...(answer === undefined ? [] : [answer])],
  });
}

/**
 * Says, when it comes back, that everything up to the last entry is durable. It holds only in the term in which it was
 * made: entries that were replaced, and replaced again by the first ones, are the same by index and term, while
 * the write of the second ones may still be under way (the ABA problem, etcd#1690). Since then each term needs an
 * answer of its own, it is made whenever anything is not known to be durable, not only when entries are written.
 */
export function storageAppendResponse(raft: RaftCore, snapshot: Snapshot | undefined): Message | undefined {
  const { log } = raft;
  if (!log.hasUnstable && snapshot === undefined) return undefined;
  return makeMessage('MsgStorageAppendResp', raft.id, {
    from: localAppendThread,
    term: raft.term,
    ...(log.hasUnstable ? { index: log.lastIndex, logTerm: log.lastTerm } : {}),
    ...(snapshot === undefined ? {} : { snapshot }),
  });
}

/** What is to be applied; undefined when nothing is. Committed entries belong to no term any more. */
export function storageApply(raft: RaftCore, entries: readonly Entry[]): Message | undefined {
  const answer = storageApplyResponse(raft, entries);
  if (answer === undefined) return undefined;
  return makeMessage('MsgStorageApply', localApplyThread, { from: raft.id, entries, responses: [answer] });
}

export function storageApplyResponse(raft: RaftCore, entries: readonly Entry[]): Message | undefined {
  if (entries.length === 0) return undefined;
  return makeMessage('MsgStorageApplyResp', raft.id, { from: localApplyThread, entries });
}
