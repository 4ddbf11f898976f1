import type { Clock } from './clock.ts';

/** Time that passes when the test says so. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #callback: (() => void) | undefined;

  now(): number {
    return this.#nowMs;
  }

  setInterval(callback: () => void): unknown {
    this.#callback = callback;
    return undefined;
  }

  clearInterval(): void {
    this.#callback = undefined;
  }

  /** One call of the interval, after so long. */
  tick(ms: number): void {
    this.#nowMs += ms;
    this.#callback?.();
  }

  /** So much time passes, and the interval is not called: the process stands still. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }
}
