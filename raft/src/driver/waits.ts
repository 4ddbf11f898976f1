// Promises that wait for the peer to be in some state: whether it is, is asked after every turn and tick.
import { ClosedError } from '../errors.ts';

export interface Wait<T> {
  readonly deadlineMs: number;
  /** What the promise resolves with; undefined while there is nothing yet, and an error when it will not come. */
  readonly look: () => T | Error | undefined;
  /** What the promise rejects with when the time is over. */
  readonly late: () => Error;
}

interface Waiting {
  readonly deadlineMs: number;
  /** Whether the wait is over. */
  readonly look: () => boolean;
  readonly reject: (error: Error) => void;
  readonly late: () => Error;
}

export class Waits {
  #all: Waiting[] = [];

  get count(): number {
    return this.#all.length;
  }

  until<T>({ deadlineMs, look, late }: Wait<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        const found = look();
        if (found instanceof Error) reject(found);
        else if (found !== undefined) resolve(found);
        return found !== undefined;
      };
      if (!settle()) this.#all.push({ deadlineMs, look: settle, reject, late });
    });
  }

  look(nowMs: number): void {
    if (this.#all.length === 0) return;
    this.#all = this.#all.filter(({ look, deadlineMs, reject, late }) => {
      if (look()) return false;
      if (deadlineMs > nowMs) return true;
      reject(late());
      return false;
    });
  }

  close(): void {
    for (const { reject } of this.#all) reject(new ClosedError());
    this.#all = [];
  }
}
