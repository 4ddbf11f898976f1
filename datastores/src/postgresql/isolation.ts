// Whether a primary still has its voters: each answers its stream at least once a second, and a stream whose other end is
// gone without a word looks as alive as before. So it is the answers that count, by the time on our own clock at which we
// saw that there was another one; what the voter's clock says proves nothing.
import type { PrimaryRole } from '../driver.ts';
import type { FlushedStream } from './streams.ts';

/** A primary with fewer than k voters for so long shuts its door. */
export const CLOSE_AFTER_MS = 3_000;
/** A voter that has answered within this is there: it answers each second, and it is looked at twice a second. */
const FRESH_MS = 2_000;

export class Isolation {
  #role: PrimaryRole | undefined;
  #answers = new Map<string, { readonly answer: string; readonly seenMs: number }>();
  #sinceMs = 0;

  /** To be told twice a second. Streams of any rule of the epoch count: none of them has promised a later one. */
  see(role: PrimaryRole, memberId: string, streams: readonly FlushedStream[], nowMs: number): void {
    if (this.#role?.epoch !== role.epoch) {
      this.#answers = new Map();
      this.#sinceMs = nowMs;
    }
    this.#role = role;
    for (const stream of streams) {
      const isCounted = stream.isStreaming && stream.epoch === role.epoch && role.rule.voters.includes(stream.memberId);
      if (!isCounted || stream.memberId === memberId) continue;
      const answer = `${stream.generation} ${stream.answeredAt} ${stream.flushed}`;
      if (this.#answers.get(stream.memberId)?.answer === answer) continue;
      this.#answers.set(stream.memberId, { answer, seenMs: nowMs });
    }
  }

  /** For how long fewer than k voters have answered. */
  cutOffMs(role: PrimaryRole, nowMs: number): number {
    const k = role.rule.acknowledgements;
    if (k === 0 || this.#role?.epoch !== role.epoch) return 0;
    const times = [...this.#answers].filter(([id]) => role.rule.voters.includes(id)).map(([, { seenMs }]) => seenMs);
    const newest = times.sort((left, right) => right - left);
    return nowMs - (newest[k - 1] ?? this.#sinceMs);
  }

  /** Who has answered a moment ago. */
  isThere(memberId: string, nowMs: number): boolean {
    const seen = this.#answers.get(memberId);
    return seen !== undefined && nowMs - seen.seenMs < FRESH_MS;
  }

  forget(): void {
    this.#role = undefined;
    this.#answers = new Map();
  }
}
