// Time, as the driver lives it: ticks, and once in an election timeout what need not happen more often. A tick that
// comes much too late says that this process stood still.
import type { RawNode } from '../core/raw-node.ts';
import { defaults } from './config.ts';
import type { RaftOptions } from './options.ts';

export interface TickerHost {
  /** `lateMs` is above 0 when this process stood still for more than half an election timeout. */
  readonly tick: (nowMs: number, lateMs: number) => void;
  readonly tickSlowly: (nowMs: number) => void;
}

export class Ticker {
  readonly #options: RaftOptions;
  readonly #host: TickerHost;
  readonly #tickMs: number;
  readonly #electionTicks: number;
  #timer: unknown;
  readonly #startedMs: number;
  #lastMs: number;
  #ticks = 0;

  constructor(options: RaftOptions, host: TickerHost) {
    this.#options = options;
    this.#host = host;
    this.#tickMs = options.tickMs ?? defaults.tickMs;
    this.#electionTicks = options.electionTicks ?? defaults.electionTicks;
    this.#startedMs = options.clock.now();
    this.#lastMs = this.#startedMs;
  }

  start(): void {
    this.#timer = this.#options.clock.setInterval(() => this.#tick(), this.#tickMs);
  }

  stop(): void {
    this.#options.clock.clearInterval(this.#timer);
  }

  /** Before anything is answered under a lease: this process may have stood still since the last tick. */
  measure(core: RawNode): void {
    core.measureTime(Math.floor((this.#options.clock.now() - this.#startedMs) / this.#tickMs));
  }

  #tick(): void {
    const now = this.#options.clock.now();
    const lateMs = now - this.#lastMs - this.#tickMs;
    this.#lastMs = now;
    this.#ticks += 1;
    this.#host.tick(now, lateMs > (this.#electionTicks * this.#tickMs) / 2 ? lateMs : 0);
    if (this.#ticks % this.#electionTicks === 0) this.#host.tickSlowly(now);
  }
}
