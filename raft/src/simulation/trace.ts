import { createHash, type Hash } from 'node:crypto';

/** What happened, line by line, as a hash; the lines themselves go to whoever wants to read them. */
export class Trace {
  readonly #hash: Hash = createHash('sha256');
  readonly #listener: ((line: string) => void) | undefined;
  lines = 0;

  constructor(listener?: (line: string) => void) {
    this.#listener = listener;
  }

  add(atMs: number, what: string): void {
    const line = `${atMs.toFixed(3)} ${what}\n`;
    this.#hash.update(line);
    this.lines += 1;
    this.#listener?.(line);
  }

  /** The hash of all lines. Ends the trace. */
  finish(): string {
    return this.#hash.digest('hex').slice(0, 32);
  }
}
