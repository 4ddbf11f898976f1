// When the loop turns: once at a time, and again as long as there is work. While a turn waits for the disk, what does
// not depend on the disk is done beside it.
import type { Clock } from './clock.ts';

export interface TurnsHost {
  /** Does all the work there is. */
  readonly turn: () => Promise<void>;
  /** Does what does not depend on the disk. */
  readonly meanwhile: () => void;
  readonly hasWork: () => boolean;
  readonly failed: (error: Error) => void;
}

export class Turns {
  readonly #host: TurnsHost;
  readonly #clock: Pick<Clock, 'defer'>;
  #turning: Promise<void> | undefined;
  #isWriting = false;
  #isMeanwhileDue = false;

  constructor(clock: Pick<Clock, 'defer'>, host: TurnsHost) {
    this.#clock = clock;
    this.#host = host;
  }

  /** There may be work. */
  wake(): void {
    if (this.#isWriting && !this.#isMeanwhileDue) {
      this.#isMeanwhileDue = true;
      this.#defer(() => this.#meanwhile());
    }
    this.#turning ??= new Promise<void>((resolve) => this.#defer(resolve))
      .then(() => this.#host.turn())
      .catch((error: Error) => this.#host.failed(error))
      .finally(() => {
        this.#turning = undefined;
        if (this.#host.hasWork()) this.wake();
      });
  }

  /** Later, when what arrives together has arrived. */
  #defer(callback: () => void): void {
    if (this.#clock.defer === undefined) queueMicrotask(callback);
    else this.#clock.defer(callback);
  }

  #meanwhile(): void {
    this.#isMeanwhileDue = false;
    if (!this.#isWriting) return;
    try {
      this.#host.meanwhile();
    } catch (error) {
      this.#host.failed(error as Error);
    }
  }

  /** The turn waits for the disk until this is done. */
  async writing(work: Promise<void>): Promise<void> {
    this.#isWriting = true;
    await work;
    this.#isWriting = false;
  }

  /** Resolves when no turn is under way. */
  async settled(): Promise<void> {
    await this.#turning;
  }
}
