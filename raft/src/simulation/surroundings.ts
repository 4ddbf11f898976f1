// What the parts of a simulated world know of it and of each other. Types only, so that peers, clients and whoever makes
// things go wrong need not know how the world puts them together.
import type { RegisterOperation } from '../checker/register.ts';
import type { Raft } from '../driver/raft.ts';
import type { Counts } from './coverage.ts';
import type { Habits } from './habits.ts';
import type { Invariants, WatchedPeer } from './invariants.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { RegisterMachine } from './register-machine.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { LossMode } from './simulated-file.ts';
import type { SnapshotStream, StreamEnd } from './snapshot-stream.ts';
import type { Timeline } from './timeline.ts';

export type PeerState = 'down' | 'starting' | 'up' | 'closing' | 'out';

/** A peer as the others see it. */
export interface PeerOfWorld extends WatchedPeer {
  readonly disk: SimulatedDisk;
  readonly raft: Raft | undefined;
  readonly machine: RegisterMachine | undefined;
  readonly state: PeerState;
  isRotten: boolean;
  /** Does something in the peer's process; false when there is none. */
  deliver(act: () => void): boolean;
  /** Ends the process; what it wrote stays. */
  kill(): void;
  /** Ends the process, and of what was not synced loses so much; by default that is left to chance. */
  losePower(mode?: LossMode): void;
  pause(ms: number): void;
  /** Closes the driver in good order. */
  close(): void;
  start(): void;
  /** Somebody wants to send it a snapshot: who is at its end, if there is a process that takes one. */
  accept(stream: SnapshotStream, from: number): StreamEnd | undefined;
}

/** The world as its parts see it. */
export interface Surroundings {
  readonly seed: number;
  readonly random: Random;
  readonly timeline: Timeline;
  readonly habits: Habits;
  readonly counts: Counts;
  readonly peers: readonly PeerOfWorld[];
  readonly network: Network;
  readonly invariants: Invariants;
  trace(what: string): void;
  nextValue(): number;
  nextMoment(): number;
  record(operation: RegisterOperation): void;
  guard(check: () => void): void;
  violated(error: Error): void;
  touched(peer: PeerOfWorld): void;
  notice(what: string, peer: PeerOfWorld): void;
  leader(): PeerOfWorld | undefined;
  /** The shortest time after which a peer that hears no leader asks for an election. */
  readonly electionMs: number;
  /** Asks the leader, if there is one, for something that it may refuse; what it does counts when it is done. */
  askLeader(
    counter: 'membershipChanges' | 'transfers',
    ask: (leader: PeerOfWorld) => Promise<unknown> | undefined,
  ): void;
  /** For a while clients read from this peer, and write to others. */
  lure(peer: PeerOfWorld, ms: number): void;
  /** Whom clients read from, if they are lured to anybody. */
  readonly lured: PeerOfWorld | undefined;
  restartLater(peer: PeerOfWorld): void;
}
