import type { ConfState, Role } from '../core/messages.ts';
import type { PeerProgress } from '../core/raw-node.ts';
import type { Disk } from '../storage/disk.ts';
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
  /** All of the state, as of the last applied entry. At most `maxMessageBytes` less 1 KiB travel to a slow peer. */
  snapshot(): Uint8Array;
  /** Replaces all of the state. */
  restore(data: Uint8Array): void;
}

export type RaftEvent =
  | { readonly type: 'status'; readonly status: RaftStatus }
  | { readonly type: 'snapshot-taken' | 'snapshot-installed'; readonly index: number; readonly bytes: number }
  /** A snapshot has grown too large to travel to a peer that needs it. */
  | { readonly type: 'snapshot-too-large'; readonly index: number; readonly bytes: number }
  /** The event loop stood still for so long that a silent leader proves nothing. */
  | { readonly type: 'stalled'; readonly lateMs: number };

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
  /** Default 16 MiB. */
  readonly segmentBytes?: number;
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
