// What a peer replicates: the state behind Raft, and, while this peer leads, the leadership. It serves nobody; what
// time, chance, network and disk are to it is handed in, so that a simulated world holds the same peers as a real one.
import type { Clock } from '@argosy/proto';
import { NotLeaderError, Raft, type RaftEvent, type RaftOptions, type RaftStatus } from 'raft-ts';
import { Leadership, type LeadershipOptions } from './leadership.ts';
import {
  ANNOUNCED_KINDS,
  type Applied,
  announcedKindOf,
  decodeEntry,
  type Entry,
  type EntryBody,
  encodeEntry,
} from './state/entries.ts';
import { Federation } from './state/federation.ts';

const TICK_MS = 100;
const ELECTION_TICKS = 10;
/** How long a peer that ends waits for its successor. */
const TRANSFER_TIMEOUT_MS = 500;

export interface ReplicaOptions {
  readonly raft: Pick<RaftOptions, 'id' | 'peers' | 'directory' | 'clusterId' | 'voters' | 'clock' | 'random'> &
    Pick<RaftOptions, 'disk' | 'transport'>;
  readonly leadership: Pick<LeadershipOptions, 'regions' | 'link' | 'newId' | 'drills'>;
  readonly clock: Clock;
  readonly log: LeadershipOptions['log'];
  /** The peer can no longer keep its word: the process must end. */
  readonly onFatal: (error: Error) => void;
}

/** Told of what happens to the replicated state; never within apply itself. */
export interface ReplicaWatcher {
  applied?(entry: Entry): void;
  restored?(): void;
  status?(status: RaftStatus): void;
}

export class Replica {
  readonly federation = new Federation();
  readonly #watcher: ReplicaWatcher;
  #options: ReplicaOptions | undefined;
  #raft: Raft | undefined;
  #leadership: Leadership | undefined;

  constructor(watcher: ReplicaWatcher) {
    this.#watcher = watcher;
  }

  get raft(): Raft | undefined {
    return this.#raft;
  }

  /** While this peer leads and has applied all that was committed before. */
  get leadership(): Leadership | undefined {
    return this.#leadership;
  }

  /** Opens the log and joins the other peers. @throws Error when the log cannot be opened */
  async open(options: ReplicaOptions): Promise<void> {
    this.#options = options;
    this.#raft = await Raft.open({
      ...options.raft,
      tickMs: TICK_MS,
      electionTicks: ELECTION_TICKS,
      kinds: ANNOUNCED_KINDS,
      enableKindsEarly: true,
      stateMachine: {
        apply: ({ data }) => this.#apply(data),
        snapshot: () => this.federation.snapshot(),
        restore: (data) => {
          this.federation.restore(data);
          this.#watcher.restored?.();
        },
      },
      log: (event) => this.#log(event),
      onFatal: options.onFatal,
    });
    this.#raft.onStatus((status) => this.#follow(status));
    this.#follow(this.#raft.status());
  }

  /** @throws NotLeaderError, ProposalUnknownError and others of raft-ts */
  async propose(entry: EntryBody): Promise<Applied> {
    if (this.#raft === undefined || this.#options === undefined) throw new NotLeaderError(undefined);
    const at = this.#options.clock.now().toISOString();
    const kind = announcedKindOf(entry);
    const options = kind === undefined ? {} : { kind };
    const { result } = await this.#raft.propose(encodeEntry({ at, ...entry }), options);
    return result as Applied;
  }

  /** Another leads at once, instead of after an election timeout. */
  async handOver(): Promise<void> {
    await this.#raft
      ?.transferLeadership(undefined, { timeoutMs: TRANSFER_TIMEOUT_MS })
      .then((leader) => this.#options?.log({ message: 'leadership handed over', leader }))
      .catch(() => undefined);
    this.#leadership?.stop();
  }

  async close(): Promise<void> {
    await this.#raft?.close();
  }

  #apply(data: Uint8Array): Applied {
    const entry = decodeEntry(data);
    const applied = this.federation.apply(entry);
    // The conductor plans from what is applied, but never within apply itself.
    queueMicrotask(() => {
      this.#leadership?.applied(entry);
      this.#watcher.applied?.(entry);
    });
    return applied;
  }

  /** Begins and ends the leadership as Raft says. */
  #follow(status: RaftStatus): void {
    this.#watcher.status?.(status);
    const options = this.#options;
    if (options === undefined || status.isEstablishedLeader === (this.#leadership !== undefined)) return;
    if (!status.isEstablishedLeader) {
      this.#leadership?.stop();
      this.#leadership = undefined;
      return;
    }
    this.#leadership = new Leadership({
      ...options.leadership,
      federation: this.federation,
      clock: options.clock,
      term: status.term,
      propose: (entry) => this.propose(entry),
      log: options.log,
    });
    this.#leadership.start();
  }

  #log(event: RaftEvent): void {
    const log = this.#options?.log;
    if (event.type !== 'status') {
      log?.({ message: `raft ${event.type}`, ...event });
      return;
    }
    const { role, term, leaderId, isEstablishedLeader } = event.status;
    log?.({ message: 'raft status', role, term, leader: leaderId ?? null, established: isEstablishedLeader });
  }
}
