// Linearizable reads without a log entry (§8, thesis §6.4). The leader notes its commit index, asks every peer in a
// heartbeat "am I still your leader?", and answers when a majority said yes to that heartbeat or a later one.
// Heartbeats carry a round that the leader itself counts, never the caller's context: a context that is used twice
// can so never be confirmed by an acknowledgement that was given before the second question.
import type { Message } from './messages.ts';
import { reachedByMajority } from './quorum.ts';

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
  #round = 0;
  #requests: Request[] = [];
  readonly #acknowledged = new Map<number, number>();

  /** Opens a round for this request; the next heartbeat must carry it. */
  add(message: Message, index: number): void {
    this.#round += 1;
    this.#requests.push({ message, index, round: this.#round });
  }

  /** What heartbeats carry: the latest round, or nothing when nobody waits. */
  context(): string {
    return this.#requests.length > 0 ? String(this.#round) : '';
  }

  get length(): number {
    return this.#requests.length;
  }

  /** Notes an acknowledgement and returns the reads that it confirmed, oldest first. */
  acknowledge(self: number, from: number, context: string, voters: readonly number[]): ConfirmedRead[] {
    const round = Number(context);
    if (!Number.isSafeInteger(round) || round > this.#round) return [];
    this.#acknowledged.set(from, Math.max(round, this.#acknowledged.get(from) ?? 0));
    const confirmed = reachedByMajority(voters, (voter) =>
      voter === self ? this.#round : (this.#acknowledged.get(voter) ?? 0),
    );
    const done = this.#requests.filter((request) => request.round <= confirmed);
    this.#requests = this.#requests.filter((request) => request.round > confirmed);
    return done;
  }
}
