import type { RaftStatus, RaftSummary } from './options.ts';

/** Tells those who listen when what they act upon has changed; indexes alone are no news. */
export class Announcer {
  readonly #listeners = new Set<(status: RaftStatus) => void>();
  #last: RaftSummary;

  constructor(first: RaftSummary) {
    this.#last = first;
  }

  add(listener: (status: RaftStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  announce(now: RaftSummary, status: () => RaftStatus): void {
    const before = this.#last;
    const isSame =
      now.term === before.term &&
      now.role === before.role &&
      now.leaderId === before.leaderId &&
      now.isEstablishedLeader === before.isEstablishedLeader;
    if (isSame) return;
    this.#last = now;
    if (this.#listeners.size === 0) return;
    const whole = status();
    for (const listener of this.#listeners) listener(whole);
  }
}
