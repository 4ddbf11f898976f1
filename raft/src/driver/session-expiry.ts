// Whoever leads closes the sessions that nobody uses. It goes by its own clock and by what it saw itself, so a session
// lives longer under a new leader, never shorter; that it is closed is an entry, and the same for everybody.
import type { SessionTable } from './session-table.ts';
import { encodeWrapped, type IdleSession } from './wrapped.ts';

/** Sessions that one entry closes. */
const maxPerEntry = 1_000;

export class SessionExpiry {
  readonly #table: SessionTable;
  readonly #timeoutMs: number;
  /** What was seen of each: the entry in which it was used last, and since when it is that. */
  #seen = new Map<number, { readonly usedIndex: number; readonly sinceMs: number }>();

  constructor(table: SessionTable, timeoutMs: number) {
    this.#table = table;
    this.#timeoutMs = timeoutMs;
  }

  /** Begins anew: what went before was not seen by this leader. */
  reset(): void {
    this.#seen.clear();
  }

  /** What is to be proposed now; undefined when nothing. To be asked once in a while. */
  look(nowMs: number): ReturnType<typeof encodeWrapped> | undefined {
    const seen = new Map<number, { readonly usedIndex: number; readonly sinceMs: number }>();
    const idle: IdleSession[] = [];
    for (const { id, usedIndex } of this.#table.used()) {
      const before = this.#seen.get(id);
      const sinceMs = before?.usedIndex === usedIndex ? before.sinceMs : nowMs;
      seen.set(id, { usedIndex, sinceMs });
      if (nowMs - sinceMs >= this.#timeoutMs && idle.length < maxPerEntry) idle.push({ id, usedIndex });
    }
    this.#seen = seen;
    return idle.length === 0 ? undefined : encodeWrapped({ type: 'session-expire', sessions: idle });
  }
}
