// What a core tells of itself.
import type { ConfState, HardState } from './messages.ts';
import type { Progress, ProgressState } from './progress.ts';
import type { RaftCore } from './raft.ts';
import type { SoftState } from './ready.ts';

export interface PeerProgress {
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  readonly isRecentlyActive: boolean;
  readonly isLearner: boolean;
  /** Whether nothing is sent to it until it answers. */
  readonly isPaused: boolean;
  /** Messages with entries that it has not acknowledged. */
  readonly inflightCount: number;
  /** Whether no more of them may be sent. */
  readonly isInflightFull: boolean;
  /** The last entry of the snapshot that is under way to it; 0 when none is. */
  readonly pendingSnapshot: number;
}

export interface BasicStatus extends SoftState, HardState {
  readonly id: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
  readonly hasCommittedInTerm: boolean;
  /** To whom leadership is being handed over; 0 when to nobody. */
  readonly leadTransferee: number;
  /** Whether a change of the members may be in this leader's log that is not applied. */
  readonly isConfChangePending: boolean;
}

export interface CoreStatus extends BasicStatus {
  readonly confState: ConfState;
  /** What a leader knows of each peer; empty on others. */
  readonly progress: ReadonlyMap<number, PeerProgress>;
}

export function basicStatusOf(raft: RaftCore): BasicStatus {
  return {
    id: raft.id,
    lead: raft.lead,
    role: raft.role,
    term: raft.term,
    vote: raft.vote,
    commit: raft.log.committed,
    applied: raft.log.applied,
    firstIndex: raft.log.firstIndex,
    lastIndex: raft.log.lastIndex,
    snapshotIndex: raft.log.snapshot?.metadata.index ?? 0,
    hasCommittedInTerm: raft.role === 'leader' && raft.hasCommittedInTerm,
    leadTransferee: raft.leadTransferee,
    isConfChangePending: raft.pendingConfIndex > raft.log.applied,
  };
}

export function statusOf(raft: RaftCore): CoreStatus {
  const progress =
    raft.role === 'leader' ? Array.from(raft.progress, ([id, peer]) => [id, describeProgress(peer)] as const) : [];
  return { ...basicStatusOf(raft), confState: raft.confState, progress: new Map(progress) };
}

/** What is known of one peer. */
export function describeProgress(progress: Progress): PeerProgress {
  const { match, next, state, recentActive, isLearner, mustWait, inflightCount, isFull, pendingSnapshot } = progress;
  return {
    match,
    next,
    state,
    isRecentlyActive: recentActive,
    isLearner,
    isPaused: mustWait,
    inflightCount,
    isInflightFull: isFull,
    pendingSnapshot,
  };
}
