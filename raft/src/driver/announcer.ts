import type { RaftOptions, RaftStatus, RaftSummary } from './options.ts';

/** Who is watched. */
export interface Announced {
  summary(): RaftSummary;
  status(): RaftStatus;
}

/** Tells those who listen when what they act upon has changed; indexes alone are no news. */
export class Announcer {
  readonly #listeners = new Set<(status: RaftStatus) => void>();
  readonly #peer: Announced;
  #last: RaftSummary;

  constructor(peer: Announced, log: RaftOptions['log']) {
    this.#peer = peer;
    this.#last = peer.summary();
    if (log !== undefined) this.add((status) => log({ type: 'status', status }));
  }

  add(listener: (status: RaftStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  announce(): void {
    const now = this.#peer.summary();
    const before = this.#last;
    const isSame =
      now.term === before.term &&
      now.role === before.role &&
      now.leaderId === before.leaderId &&
      now.isEstablishedLeader === before.isEstablishedLeader;
    if (isSame) return;
    this.#last = now;
    if (this.#listeners.size === 0) return;
    const whole = this.#peer.status();
    for (const listener of this.#listeners) listener(whole);
  }
}
