import type { RaftOptions, RaftStatus } from './options.ts';

/** Tells those who listen when what they act upon has changed; indexes alone are no news. */
export class Announcer {
  readonly #listeners = new Set<(status: RaftStatus) => void>();
  #last: RaftStatus;

  constructor(first: RaftStatus, log: RaftOptions['log']) {
    this.#last = first;
    if (log !== undefined) this.add((status) => log({ type: 'status', status }));
  }

  add(listener: (status: RaftStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  announce(now: RaftStatus): void {
    const before = this.#last;
    const isSame =
      now.term === before.term &&
      now.role === before.role &&
      now.leaderId === before.leaderId &&
      now.isEstablishedLeader === before.isEstablishedLeader;
    if (isSame) return;
    this.#last = now;
    for (const listener of this.#listeners) listener(now);
  }
}
