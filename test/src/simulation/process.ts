// A process of the simulated world: what it is told of time, and what is handed to it, goes through here, so that it can
// be killed and stand still anywhere.
import type { Clock } from '@argosy/proto';
import type { Timeline } from 'raft-ts/simulation';

/** When simulated time begins. */
const EPOCH_MS = Date.parse('2026-01-01T00:00:00Z');

export class SimulatedProcess {
  readonly name: string;
  /** Where it runs, as the network knows it. */
  readonly place: string;
  readonly #timeline: Timeline;
  readonly #clockRate: number;
  readonly #onEnd = new Set<() => void>();
  #isAlive = true;
  #isPaused = false;
  /** What came while it stood still. */
  #held: (() => void)[] = [];

  constructor(name: string, place: string, timeline: Timeline, clockRate = 1) {
    this.name = name;
    this.place = place;
    this.#timeline = timeline;
    this.#clockRate = clockRate;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** It stands still, as by SIGSTOP. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const held = this.#held;
    this.#held = [];
    for (const act of held) this.#timeline.after(0, () => this.deliver(act));
  }

  /** Ends where it stands. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const call of [...this.#onEnd]) call();
    this.#onEnd.clear();
  }

  /** Calls when the process ends. Returns what takes that back. */
  onEnd(call: () => void): () => void {
    if (!this.#isAlive) {
      call();
      return () => undefined;
    }
    this.#onEnd.add(call);
    return () => this.#onEnd.delete(call);
  }

  /** Runs this in the process: when it does not stand still, and if it still lives then. */
  deliver(act: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isPaused) this.#held.push(act);
    else act();
  }

  /** Something that takes time: `effect` happens then, also when the process has died meanwhile; nobody is told then. */
  operate<Result>(ms: number, effect: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#timeline.after(ms, () => {
        try {
          const result = effect();
          this.deliver(() => resolve(result));
        } catch (error) {
          this.deliver(() => reject(error as Error));
        }
      });
    });
  }

  readonly clock: Clock = {
    now: () => new Date(EPOCH_MS + Math.floor(this.#timeline.nowMs)),
    monotonicMs: () => this.#timeline.nowMs * this.#clockRate,
    after: (delayMs, call) => {
      let isCancelled = false;
      const event = this.#timeline.after(Math.max(0, delayMs) / this.#clockRate, () =>
        this.deliver(() => {
          if (!isCancelled) call();
        }),
      );
      return {
        cancel: () => {
          isCancelled = true;
          event.isCancelled = true;
        },
      };
    },
  };
}
