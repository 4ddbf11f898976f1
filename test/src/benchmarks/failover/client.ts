// The client of both: it writes one number after another, each in a transaction of its own, and looks for the member that
// takes writes again as soon as one is not acknowledged. A number whose answer did not come is never written again.
import { Client, type ClientConfig } from 'pg';

const CONNECT_LIMIT_MS = 1_000;
const ANSWER_LIMIT_MS = 1_000;
const RETRY_MS = 10;
const BREATH_MS = 5;

export interface Place {
  readonly host: string;
  readonly port: number;
}

export class RetryingClient {
  readonly #places: readonly Place[];
  readonly #settings: ClientConfig;
  readonly #ended: Promise<void>;
  readonly #acknowledged: { readonly number: number; readonly atMs: number }[] = [];
  #next = 1;
  #isEnding = false;
  #wasWarned = false;

  constructor(places: readonly Place[], settings: ClientConfig) {
    this.#places = places;
    this.#settings = settings;
    this.#ended = this.#run();
  }

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  /** Of `performance.now()`. */
  get lastMs(): number {
    return this.#acknowledged.at(-1)?.atMs ?? 0;
  }

  /** The longest time between two acknowledgements of which the second came after `sinceMs`. */
  longestPauseMs(sinceMs: number): number {
    let longest = 0;
    for (let index = this.#acknowledged.length - 1; index > 0; index -= 1) {
      const [before, after] = [this.#acknowledged[index - 1]?.atMs ?? 0, this.#acknowledged[index]?.atMs ?? 0];
      if (after < sinceMs) break;
      longest = Math.max(longest, after - before);
    }
    return Math.round(longest);
  }

  /** Ends writing, and tells what became of what was acknowledged. */
  async count(): Promise<{ readonly lost: number; readonly doubled: number }> {
    this.#isEnding = true;
    await this.#ended;
    for (;;) {
      const client = await this.#connect();
      if (client === undefined) continue;
      const { rows } = await client.query('select number, count(*)::int as times from failover group by number');
      await client.end();
      const there = new Map(rows.map((row) => [(row as { number: number }).number, (row as { times: number }).times]));
      return {
        lost: this.#acknowledged.filter(({ number }) => !there.has(number)).length,
        doubled: [...there.values()].filter((times) => times > 1).length,
      };
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const client = await this.#connect();
      if (client === undefined) continue;
      try {
        await client.query('create table if not exists failover (number int)');
        while (!this.#isEnding) await this.#write(client);
      } catch {
        // Another member, or the same one once more.
      }
      close(client);
    }
  }

  async #write(client: Client): Promise<void> {
    const number = this.#next++;
    this.#wasWarned = false;
    await client.query('insert into failover values ($1)', [number]);
    if (!this.#wasWarned) this.#acknowledged.push({ number, atMs: performance.now() });
    await new Promise((resolve) => setTimeout(resolve, BREATH_MS));
  }

  /** The first that takes writes; all are asked at once. */
  async #connect(): Promise<Client | undefined> {
    let isDecided = false;
    const tries = this.#places.map(async (place) => {
      const client = await this.#open(place);
      if (!isDecided) {
        isDecided = true;
        return client;
      }
      close(client);
      throw new Error('Another was first.');
    });
    const found = await Promise.any(tries).catch(() => undefined);
    if (found === undefined) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    return found;
  }

  /** @throws Error when it takes no writes */
  async #open(place: Place): Promise<Client> {
    const limits = { connectionTimeoutMillis: CONNECT_LIMIT_MS, query_timeout: ANSWER_LIMIT_MS };
    const client = new Client({ ...this.#settings, ...place, ...limits });
    client.on('error', () => undefined);
    client.on('notice', ({ severity }) => {
      if (severity === 'WARNING') this.#wasWarned = true;
    });
    try {
      await client.connect();
      const { rows } = await client.query('select pg_is_in_recovery() as standby');
      if ((rows[0] as { standby: boolean }).standby === false) return client;
    } catch (error) {
      close(client);
      throw error;
    }
    close(client);
    throw new Error('It is a standby.');
  }
}

function close(client: Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}
