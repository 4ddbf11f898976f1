import type { ConfState, Message, Role } from '../core/messages.ts';
import type { PeerProgress, Ready } from '../core/raw-node.ts';
import type { Disk } from '../storage/disk.ts';
import type { DiskSpace } from '../storage/log-options.ts';
import type { PeerAddress, Transport } from '../transport/transport.ts';
import type { Clock } from './clock.ts';

/** A committed entry, as the state machine gets it. */
export interface CommittedEntry {
  readonly index: number;
  readonly term: number;
  readonly data: Uint8Array;
}

/** What is replicated. All of it runs in this process's memory, and is built again at each start. */
export interface StateMachine {
  /**
   * Called once per start for each committed proposal, in order, on every peer. It must be deterministic and produce
   * the same on all peers; no clock, no randomness, no I/O. What it returns is the result of `propose` on the peer
   * that proposed. It must not throw: that is a fatal error.
   */
  apply(entry: CommittedEntry): unknown;
  /** All of the state, as of the last applied entry. At most `maxSnapshotBytes` travel to a slow peer. */
  snapshot(): Uint8Array;
  /** Replaces all of the state. */
  restore(data: Uint8Array): void;
}

export type RaftEvent =
  | { readonly type: 'status'; readonly status: RaftStatus }
  | { readonly type: 'snapshot-taken' | 'snapshot-installed'; readonly index: number; readonly bytes: number }
  | { readonly type: 'snapshot-sending'; readonly to: number; readonly index: number; readonly bytes: number }
  /** It is tried again, and goes on where it was left. */
  | { readonly type: 'snapshot-send-failed'; readonly to: number; readonly why: string }
  /** That peer does not let this one in, and why. */
  | { readonly type: 'refused'; readonly by: number; readonly why: string }
  /** The disk fills up, or has room again. */
  | { readonly type: 'disk-space'; readonly space: DiskSpace }
  /** A write of the log takes longer than `diskPatienceMs`; and it returned at last. */
  | { readonly type: 'disk-hangs'; readonly forMs: number }
  | { readonly type: 'disk-answers'; readonly afterMs: number }
  /** Leadership is handed over, or without `to` put down, for nobody took it over. */
  | { readonly type: 'leadership-given-up'; readonly to?: number; readonly why: 'disk-hangs' }
  /** A snapshot was not taken; it is tried again. */
  | { readonly type: 'snapshot-failed'; readonly why: string }
  /** The event loop stood still for so long that a silent leader proves nothing. */
  | { readonly type: 'stalled'; readonly lateMs: number };

/** Everything that happens, in its order, for who wants to see or check it. Nothing of it may be changed. */
export type RaftTraceEvent =
  | { readonly type: 'sent' | 'received'; readonly message: Message }
  /** What the core asks for, before it is done; and after it is durable. */
  | { readonly type: 'ready' | 'persisted'; readonly ready: Ready }
  | { readonly type: 'role'; readonly role: Role; readonly lead: number; readonly term: number }
  | { readonly type: 'membership'; readonly membership: ConfState };

export interface RaftOptions {
  /** This peer's id, at least 1, one of `peers`. */
  readonly id: number;
  /** Everybody who takes part or may be made to, this one included, and where each listens. */
  readonly peers: readonly PeerAddress[];
  /**
   * Who voted at the very beginning: the same on every peer and at every start, also on one that came later. Default:
   * all peers. What has changed since is in the log.
   */
  readonly voters?: readonly number[];
  /**
   * Which cluster this is. Peers of different ones refuse each other, and a directory of another one is refused. Default:
   * what the directory says, which `recover` has changed.
   */
  readonly clusterId?: string;
  /** The log's directory, of this peer alone. Made when it does not exist. */
  readonly directory: string;
  /** Default: the file system of this machine. */
  readonly disk?: Disk;
  readonly clock: Clock;
  /** Uniform in [0, 1). Draws election timeouts and names reads; need not be secret. */
  readonly random: () => number;
  readonly transport: Transport;
  readonly stateMachine: StateMachine;
  /** Default 100. The unit of time; heartbeats and elections count it. */
  readonly tickMs?: number;
  /** Default 1. */
  readonly heartbeatTicks?: number;
  /** Default 10. The timeout is drawn anew each time from [electionTicks, 2 * electionTicks). */
  readonly electionTicks?: number;
  /** Default: `electionTicks * tickMs`. A leader makes way when a write of its log takes longer, and the others' did not. */
  readonly diskPatienceMs?: number;
  /**
   * Default false: a majority confirms each linearizable read. True: the leader answers alone for a little less than an
   * election timeout after a majority answered it. That trusts all peers' clocks to run equally fast within a tenth,
   * also while their processes stand still; the same on every peer.
   */
  readonly leaseReads?: boolean;
  /** Default 10,000. */
  readonly snapshotEveryEntries?: number;
  /** Default 1,000. Entries kept in memory behind a snapshot, for peers that are only a little behind. */
  readonly trailingEntries?: number;
  /**
   * Default 2 MiB. So much of a snapshot that comes in is made durable at once; at most what its sender sends ahead,
   * which is 4 MiB over gRPC.
   */
  readonly receivedSyncBytes?: number;
  /** Default 16 MiB. */
  readonly segmentBytes?: number;
  /** Default 1 MiB: zeros that are written ahead of the log, which are also its reserve on a disk that fills up. */
  readonly preallocateBytes?: number;
  /**
   * Kinds of entries that this peer's state machine can apply, beyond what all versions of it can. Whoever proposes an
   * entry of such a kind names it, and is refused until every member has announced it.
   */
  readonly kinds?: readonly string[];
  /**
   * Default false: a kind is enabled at its first use. True: as soon as every member has announced it, so that a first
   * use is not refused for a member that is away just then; from there on no earlier version can come back.
   */
  readonly enableKindsEarly?: boolean;
  /** Default 10 minutes. A session that was not used for so long is closed by the leader. */
  readonly sessionTimeoutMs?: number;
  /** Called within the work of the peer, so it must be quick, and must not throw. Costs nothing when it is absent. */
  readonly trace?: (event: RaftTraceEvent) => void;
  readonly log?: (event: RaftEvent) => void;
  /** Called once, when this peer can no longer keep its word. The process must end; nothing may be tried again. */
  readonly onFatal: (error: Error) => void;
}

/** What a peer says of itself; cheap to ask. */
export interface RaftSummary {
  readonly id: number;
  readonly term: number;
  readonly role: Role;
  readonly leaderId?: number;
  /** Leads, and has applied an entry of its own term: so its state has everything that was committed before. */
  readonly isEstablishedLeader: boolean;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** 0 when there is no snapshot. */
  readonly snapshotIndex: number;
  /** Other than `enough`, this peer takes no proposals. */
  readonly diskSpace: DiskSpace;
  /** Who takes part, as of the last applied entry. */
  readonly membership: ConfState;
}

export interface RaftStatus extends RaftSummary {
  /** Only on the leader: what it knows of each peer, by id. */
  readonly peers?: ReadonlyMap<number, PeerProgress>;
}

export interface ProposeOptions {
  /** Default 5,000. */
  readonly timeoutMs?: number;
}

export interface OpenSessionOptions extends ProposeOptions {
  /**
   * To go on with a session that was opened on another peer, or by a process that is gone: its `id`, and the serial
   * number of the command to be repeated, or of the next one. What came before is not repeated any more. Costs no
   * round; whether there still is such a session, the first command tells.
   */
  readonly resume?: { readonly id: number; readonly serial: number };
}

export interface ProposeEntryOptions extends ProposeOptions {
  /** The entry's kind, when not all versions of the state machine can apply it: one of `RaftOptions.kinds`. */
  readonly kind?: string;
}

export interface ReadIndexOptions {
  /** Default 5,000. */
  readonly timeoutMs?: number;
}

export interface Applied {
  readonly index: number;
  readonly term: number;
  /** What `apply` returned on this peer. */
  readonly result: unknown;
}
