// Linearizable reads between the caller's promise and the core. Everybody who asks in one turn shares a round; a round
// that nobody answers is asked again under a new name, for its messages may be lost. A name is never used twice,
// not even after a restart: a late answer to an older question would let a new reader see the past.
import { ClosedError, NoLeaderError } from '../errors.ts';

interface Reader {
  readonly deadlineMs: number;
  readonly resolve: (index: number) => void;
  readonly reject: (error: Error) => void;
}

interface Round {
  readers: Reader[];
  ticks: number;
}

interface Confirmed {
  readonly index: number;
  readonly readers: Reader[];
}

/** Ticks after which an unanswered round is asked again. */
const retryTicks = 5;

export class Reads {
  readonly #incarnation: string;
  #count = 0;
  #waiting: Reader[] = [];
  readonly #rounds = new Map<string, Round>();
  #confirmed: Confirmed[] = [];

  constructor(id: number, random: () => number) {
    const draw = () => Math.floor(random() * 2 ** 32).toString(36);
    this.#incarnation = `${id}.${draw()}${draw()}`;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  get count(): number {
    const inRounds = [...this.#rounds.values()].reduce((sum, round) => sum + round.readers.length, 0);
    return this.#waiting.length + inRounds + this.#confirmed.reduce((sum, { readers }) => sum + readers.length, 0);
  }

  /** Resolves with the confirmed index, when that is applied. */
  add(deadlineMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deadlineMs, resolve, reject });
    });
  }

  /** A name that was never drawn before, not even before a restart. */
  newName(): string {
    this.#count += 1;
    return `${this.#incarnation}.${this.#count}`;
  }

  /** Makes one round of all who wait, and returns the context to ask with. */
  beginRound(): string {
    const context = this.newName();
    this.#rounds.set(context, { readers: this.#waiting, ticks: 0 });
    this.#waiting = [];
    return context;
  }

  confirmed(context: string, index: number): void {
    const round = this.#rounds.get(context);
    if (round === undefined) return;
    this.#rounds.delete(context);
    this.#confirmed.push({ index, readers: round.readers });
  }

  applied(appliedIndex: number): void {
    if (this.#confirmed.length === 0) return;
    const ready = this.#confirmed.filter(({ index }) => index <= appliedIndex);
    if (ready.length === 0) return;
    this.#confirmed = this.#confirmed.filter(({ index }) => index > appliedIndex);
    for (const { index, readers } of ready) for (const reader of readers) reader.resolve(index);
  }

  tick(nowMs: number): void {
    for (const [context, round] of this.#rounds) {
      round.ticks += 1;
      if (round.ticks >= retryTicks) this.#retry(context, round);
    }
    const isLate = (reader: Reader) => reader.deadlineMs <= nowMs;
    const late = this.#all().filter(isLate);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter((reader) => !isLate(reader));
    for (const round of this.#rounds.values()) round.readers = round.readers.filter((reader) => !isLate(reader));
    this.#confirmed = this.#confirmed.map(({ index, readers }) => ({
      index,
      readers: readers.filter((reader) => !isLate(reader)),
    }));
    for (const reader of late) reader.reject(new NoLeaderError());
  }

  /** Whoever answered may be gone: all rounds are asked again. */
  retryAll(): void {
    for (const [context, round] of this.#rounds) this.#retry(context, round);
  }

  close(): void {
    for (const reader of this.#all()) reader.reject(new ClosedError());
    this.#waiting = [];
    this.#rounds.clear();
    this.#confirmed = [];
  }

  #retry(context: string, round: Round): void {
    this.#rounds.delete(context);
    this.#waiting.push(...round.readers);
  }

  #all(): Reader[] {
    const inRounds = [...this.#rounds.values()].flatMap((round) => round.readers);
    return [...this.#waiting, ...inRounds, ...this.#confirmed.flatMap(({ readers }) => readers)];
  }
}
