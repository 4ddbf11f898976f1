// Linearizable reads without a log entry (§8, thesis §6.4). The leader notes its commit index, asks every peer in a
// heartbeat "am I still your leader?", and answers when a majority said yes to that heartbeat or a later one.
// Heartbeats carry a round that the leader itself counts, never the caller's context: a context that is used twice
// can so never be confirmed by an acknowledgement that was given before the second question.
import type { Message } from './messages.ts';
import { type JointVoters, reachedByBoth } from './quorum.ts';

interface Request {
  readonly message: Message;
  readonly index: number;
  readonly round: number;
}

export interface ConfirmedRead {
  readonly message: Message;
  readonly index: number;
}

export class ReadOnly {
  readonly #self: number;
  #round = 0;
  #requests: Request[] = [];
  readonly #acknowledged = new Map<number, number>();
  /** When each round that no majority has acknowledged yet was opened, in ticks; the oldest first. */
  #opened: { readonly round: number; readonly tick: number }[] = [];
  #leaseStart = Number.NEGATIVE_INFINITY;

  constructor(self: number) {
    this.#self = self;
  }

  /** Opens a round for this request; the next heartbeat must carry it. */
  add(message: Message, index: number, tick: number): void {
    this.open(tick);
    this.#requests.push({ message, index, round: this.#round });
  }

  /** Opens a round that only renews the lease. */
  open(tick: number): void {
    this.#round += 1;
    this.#opened.push({ round: this.#round, tick });
  }

  /** What heartbeats carry: the latest round, or nothing when nobody waits. */
  context(): string {
    return this.#requests.length > 0 || this.#opened.length > 0 ? String(this.#round) : '';
  }

  get length(): number {
    return this.#requests.length;
  }

  /** The tick at which a majority was asked whether this is its leader, and said yes. */
  get leaseStart(): number {
    return this.#leaseStart;
  }

  /** Notes an acknowledgement. */
  acknowledge(from: number, context: string): void {
    const round = Number(context);
    if (!Number.isSafeInteger(round) || round > this.#round) return;
    this.#acknowledged.set(from, Math.max(round, this.#acknowledged.get(from) ?? 0));
  }

  /** The reads that are confirmed by these voters, oldest first. */
  takeConfirmed(voters: JointVoters): ConfirmedRead[] {
    const confirmed = reachedByBoth(voters, (voter) =>
      voter === this.#self ? this.#round : (this.#acknowledged.get(voter) ?? 0),
    );
    this.#leaseStart = this.#opened.findLast(({ round }) => round <= confirmed)?.tick ?? this.#leaseStart;
    this.#opened = this.#opened.filter(({ round }) => round > confirmed);
    const done = this.#requests.filter((request) => request.round <= confirmed);
    this.#requests = this.#requests.filter((request) => request.round > confirmed);
    return done;
  }
}
