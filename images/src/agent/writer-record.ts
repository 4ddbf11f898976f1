// What a drill's writer has seen: which numbers were acknowledged and when, and the longest times without any.
import type { Clock, WriterReport } from '@argosy/proto';

/** At a hundred a second for hours; beyond it the writer ends. */
const MAX_NUMBERS = 1_000_000;
const MAX_PAUSES = 20;
const LEAST_PAUSE_MS = 50;
const MAX_EXAMPLES = 20;
/** Numbers whose fate a restart of the agent has left unknown are passed over. */
const RESTART_GAP = 1_000;

interface Silence {
  readonly beginMs: number;
  readonly endMs: number;
}

export class WriterRecord {
  readonly #clock: Clock;
  readonly #times = new Map<number, number>();
  #pauses: Silence[] = [];
  #last: number | undefined;
  #next = 1;
  #begun = 0;
  #counted: WriterReport['count'];
  #endMs: number | undefined;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `journal`: a line that names the drill, then `number time` for each that was acknowledged. */
  static of(journal: string, clock: Clock): WriterRecord {
    const record = new WriterRecord(clock);
    const offsetMs = clock.monotonicMs() - clock.now().getTime();
    // The last line may have been cut off; a whole one is followed by nothing.
    for (const line of journal.split('\n').slice(1, -1)) {
      const [number, time] = line.split(' ').map(Number);
      if (number === undefined || time === undefined || !(number > 0) || !(time > 0)) continue;
      record.#keep(number, time + offsetMs);
      record.#next = number + RESTART_GAP;
    }
    return record;
  }

  get isFull(): boolean {
    return this.#times.size >= MAX_NUMBERS;
  }

  get isCounted(): boolean {
    return this.#counted !== undefined;
  }

  /** The next number; it is used once. */
  begin(): number {
    this.#begun += 1;
    return this.#next++;
  }

  acknowledge(number: number): void {
    this.#keep(number, this.#clock.monotonicMs());
  }

  /** Nothing is written any more: that nothing is acknowledged from now on is no pause. */
  end(): void {
    this.#endMs ??= this.#clock.monotonicMs();
  }

  /** `there` is what the member that takes writes has: how often each number. */
  count(there: ReadonlyMap<number, number>): void {
    const lost = [...this.#times].filter(([number]) => !there.has(number));
    const [first, last] = [lost[0]?.[1], lost.at(-1)?.[1]];
    const after = this.#pauses.filter(({ beginMs }) => first !== undefined && beginMs >= first);
    const pause = after.sort((left, right) => length(right) - length(left))[0];
    const endMs = Math.max(last ?? 0, pause?.beginMs ?? 0);
    this.#counted = {
      lost: lost.length,
      doubled: [...there.values()].filter((times) => times > 1).length,
      lostMs: first === undefined ? 0 : Math.round(endMs - first),
      examples: lost.slice(0, MAX_EXAMPLES).map(([number]) => number),
    };
  }

  report(detail: string): WriterReport {
    const now = this.#clock.monotonicMs();
    const lasting = this.#last === undefined ? [] : [{ beginMs: this.#last, endMs: this.#endMs ?? now }];
    const pauses = [...this.#pauses, ...lasting].filter((pause) => length(pause) >= LEAST_PAUSE_MS);
    return {
      acknowledged: this.#times.size,
      unanswered: Math.max(0, this.#begun - this.#times.size),
      silentMs: this.#last === undefined ? undefined : Math.round(now - this.#last),
      pauses: pauses
        .sort((left, right) => length(right) - length(left))
        .map((pause) => ({ begunMsAgo: Math.round(now - pause.beginMs), lastedMs: Math.round(length(pause)) })),
      detail,
      count: this.#counted,
    };
  }

  #keep(number: number, atMs: number): void {
    this.#times.set(number, atMs);
    if (this.#last !== undefined && atMs - this.#last >= LEAST_PAUSE_MS) {
      const pauses = [...this.#pauses, { beginMs: this.#last, endMs: atMs }];
      this.#pauses = pauses.sort((left, right) => length(right) - length(left)).slice(0, MAX_PAUSES);
    }
    this.#last = atMs;
  }
}

function length({ beginMs, endMs }: Silence): number {
  return endMs - beginMs;
}
