// What a core is made of: its settings, and what a peer finds on its disk. Names and meanings are those of etcd's
// `Config`; what is optional is off.
import type { Entry, HardState, Snapshot } from './messages.ts';
import type { InflightLimits } from './progress.ts';

export interface CoreLimits extends InflightLimits {
  /** Bytes of entries in one MsgApp; a single larger entry still travels. */
  readonly maxBytesPerMessage: number;
  /** Bytes of data a leader holds that are not committed; beyond it proposals are refused. */
  readonly maxUncommittedBytes: number;
  /** Bytes of entries handed out to be applied and not applied yet, so that applying does not stop the heartbeats. */
  readonly maxAppliedBytesPerReady: number;
}

export interface CoreConfig {
  /** This peer's id, at least 1. */
  readonly id: number;
  /**
   * Who votes at the very beginning, before the first entry: the same for every peer for ever, also for one that comes
   * later. What has changed since is in the log and in snapshots.
   */
  readonly voters: readonly number[];
  /** Who learns at the very beginning. */
  readonly learners?: readonly number[];
  /** The last entry that the state machine has, when it survived the restart by itself. */
  readonly applied?: number;
  /** Ticks without a leader after which a peer asks for an election. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Draws the election timeout in ticks, in [electionTicks, 2 * electionTicks) (§5.2). */
  readonly randomElectionTicks: () => number;
  /** Ticks after which a snapshot that nobody acknowledged is taken as lost. */
  readonly snapshotRetryTicks: number;
  /** Asks first whether an election can be won, so that a peer that comes back does not depose a leader (thesis §9.6). */
  readonly preVote: boolean;
  /** A leader that a majority does not hear steps down, and who hears a leader grants no vote (thesis §6.2, §4.2.3). */
  readonly checkQuorum: boolean;
  readonly limits: CoreLimits;
  /**
   * Storage is asked by MsgStorageAppend and MsgStorageApply among the messages of a Ready, and answers by stepping
   * their responses; several may be under way, each kind in order. `advance` is not called.
   */
  readonly asyncStorageWrites?: boolean;
  /** Hands out committed entries that this peer's own disk does not have yet; then they are written before applied. */
  readonly applyUnstableEntries?: boolean;
  /** Default `safe`: a majority confirms each read. `lease-based` trusts that all peers' ticks run about equally fast. */
  readonly readOnly?: 'safe' | 'lease-based';
  /** A follower drops proposals instead of sending them to the leader. */
  readonly disableProposalForwarding?: boolean;
  /** A leader accepts changes of membership unchecked; only for who checks and serialises them above. */
  readonly disableConfChangeValidation?: boolean;
  /** A leader that is removed, or becomes a learner, steps down when it applies that. */
  readonly stepDownOnRemoval?: boolean;
  /**
   * How much this peer wants to lead; not in etcd. A voter refuses a candidate that wants it less than itself, unless
   * that has more of the log. Default 0; it must differ little enough that whoever wants it most also campaigns.
   */
  readonly priority?: number;
  /** The snapshot to send to who is too far behind, if not the one of the last `compact`; undefined: not now. */
  readonly snapshotSource?: () => Snapshot | undefined;
}

/** What a peer finds on its disk. All empty for a new one. */
export interface CoreRecovery {
  readonly hardState: HardState;
  readonly snapshot?: Snapshot;
  readonly entries: readonly Entry[];
}
