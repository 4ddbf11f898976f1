import { createHash, type Hash } from 'node:crypto';

/** Characters that are hashed at a time. */
const batchLength = 32_768;

/** What happened, line by line, as a hash; the lines themselves go to whoever wants to read them. */
export class Trace {
  readonly #hash: Hash = createHash('sha256');
  readonly #listener: ((line: string) => void) | undefined;
  #waiting = '';
  lines = 0;

  constructor(listener?: (line: string) => void) {
    this.#listener = listener;
  }

  add(atMs: number, what: string): void {
    // Microseconds.
    const line = `${Math.round(atMs * 1000)} ${what}\n`;
    this.#waiting += line;
    if (this.#waiting.length >= batchLength) this.#flush();
    this.lines += 1;
    this.#listener?.(line);
  }

  #flush(): void {
    this.#hash.update(this.#waiting);
    this.#waiting = '';
  }

  /** The hash of all lines. Ends the trace. */
  finish(): string {
    this.#flush();
    return this.#hash.digest('hex').slice(0, 32);
  }
}
