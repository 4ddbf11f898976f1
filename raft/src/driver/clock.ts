import { performance } from 'node:perf_hooks';

/** Time, as an argument: a simulator supplies its own. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Calls back about every `ms` milliseconds, late when the process is busy, never twice for one period. */
  setInterval(callback: () => void, ms: number): unknown;
  clearInterval(timer: unknown): void;
  /**
   * Calls back soon, when what this process was just told has all been taken in: what arrives together is so handled
   * together. Default: after the microtasks that are queued.
   */
  defer?(callback: () => void): void;
}

/** This machine's monotonic clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setInterval: (callback, ms) => setInterval(callback, ms),
  clearInterval: (timer) => clearInterval(timer as NodeJS.Timeout),
  // After this round's sockets were read.
  defer: (callback) => setImmediate(callback),
};
