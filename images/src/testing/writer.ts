// A client that writes unique numbers one after another and remembers which were acknowledged, for as long as it is told
// to. One whose answer did not come is unknown: it is never written again.
import type pg from 'pg';
import type { Guest } from './guest.ts';
import { pause } from './waiting.ts';

const RETRY_MS = 10;

export class Writer {
  readonly acknowledged: number[] = [];
  readonly errors: string[] = [];
  /** Connections made after the first one. */
  reconnections = -1;
  #longestMs = 0;
  #lastMs = performance.now();
  #isStopping = false;
  #next = 1;
  #ended: Promise<void> = Promise.resolve();

  /** The table `written (n int primary key)` must be there. */
  start(guests: readonly Guest[], password: string): void {
    this.#lastMs = performance.now();
    this.#ended = this.#write(guests, password);
  }

  /** The longest time between two acknowledgements since this was last asked. */
  takeLongestPauseMs(): number {
    const longestMs = Math.round(this.#longestMs);
    this.#longestMs = 0;
    return longestMs;
  }

  /** When the newest acknowledgement came, as `performance.now()` tells it. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** Answers when so many more are acknowledged. */
  async untilMore(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    const deadline = Date.now() + 20_000;
    while (this.acknowledged.length < goal) {
      if (Date.now() > deadline)
        throw new Error(`No ${count} more commits in time: ${this.errors.slice(-3).join('; ')}`);
      await pause(5);
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#ended;
  }

  async #write(guests: readonly Guest[], password: string): Promise<void> {
    for (let turn = 0; !this.#isStopping; turn++) {
      const client = await guests[turn % guests.length]?.connect(password).catch(() => undefined);
      if (client === undefined) {
        await pause(RETRY_MS);
        continue;
      }
      await this.#writeBy(client).catch((error: Error) => this.errors.push(error.message));
      await client.end().catch(() => undefined);
    }
  }

  async #writeBy(client: pg.Client): Promise<void> {
    const { rows } = await client.query('select pg_is_in_recovery() as is_replica');
    if (rows[0].is_replica) return;
    this.reconnections += 1;
    let isWarned = false;
    client.on('notice', () => {
      isWarned = true;
    });
    while (!this.#isStopping) {
      const number = this.#next++;
      await client.query('insert into written values ($1)', [number]);
      if (isWarned) throw new Error('The server warned: not acknowledged.');
      this.acknowledged.push(number);
      const nowMs = performance.now();
      this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
      this.#lastMs = nowMs;
      await pause(2);
    }
  }
}
