// When the loop turns: once at a time, and again as long as there is work. While a turn waits for the disk, what does
// not depend on the disk is done beside it.
export interface TurnsHost {
  /** Does all the work there is. */
  readonly turn: () => Promise<void>;
  /** Does what does not depend on the disk. */
  readonly meanwhile: () => void;
  readonly hasWork: () => boolean;
  readonly failed: (error: Error) => void;
  /** Calls later, when what arrives together has arrived. */
  readonly defer: (callback: () => void) => void;
}

export class Turns {
  readonly #host: TurnsHost;
  #turning: Promise<void> | undefined;
  #isWriting = false;
  #isMeanwhileDue = false;

  constructor(host: TurnsHost) {
    this.#host = host;
  }

  /** There may be work. */
  wake(): void {
    if (this.#isWriting && !this.#isMeanwhileDue) {
      this.#isMeanwhileDue = true;
      this.#host.defer(() => this.#meanwhile());
    }
    this.#turning ??= new Promise<void>((resolve) => this.#host.defer(resolve))
      .then(() => this.#host.turn())
      .catch((error: Error) => this.#host.failed(error))
      .finally(() => {
        this.#turning = undefined;
        if (this.#host.hasWork()) this.wake();
      });
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
