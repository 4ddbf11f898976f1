// The client of both: it writes one number after another, each in a transaction of its own, and looks for the member that
// takes writes again as soon as one is not acknowledged. A number whose answer did not come is never written again.
import { Client, type ClientConfig } from 'pg';

const CONNECT_LIMIT_MS = 1_000;
const ANSWER_LIMIT_MS = 1_000;
const RETRY_MS = 10;
const BREATH_MS = 5;
/** Longer than a connection takes. */
const PATIENCE_MS = 1_500;
const CHECK_LIMIT_MS = 60_000;
/** With the timeline that it was written on, which is the epoch, and who wrote it. */
const INSERT = `insert into written
  values ($1, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), current_setting('cluster_name'))`;

export interface Place {
  readonly host: string;
  readonly port: number;
}

interface Written {
  readonly number: number;
  readonly epoch: string;
  readonly member: string;
}

export interface Checked {
  readonly acknowledged: number;
  /** Acknowledged, and not there. */
  readonly lost: readonly number[];
  /** There more than once. */
  readonly doubled: readonly number[];
  /** Epochs in which more than one member has completed a commit. */
  readonly shared: readonly string[];
}

export class RetryingClient {
  readonly #places: readonly Place[];
  readonly #settings: ClientConfig;
  readonly #ended: Promise<void>;
  readonly #acknowledged: { readonly number: number; readonly atMs: number }[] = [];
  #next = 1;
  #place: Place | undefined;
  #isEnding = false;
  #wasWarned = false;

  constructor(places: readonly Place[], settings: ClientConfig) {
    this.#places = places;
    this.#settings = settings;
    this.#ended = this.#run();
  }

  /** Where it writes, or wrote last. */
  get place(): Place | undefined {
    return this.#place;
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

  /** What has become of all that was acknowledged up to now, as the member that takes writes has it. */
  async check(): Promise<Checked> {
    const asked = this.#acknowledged.map(({ number }) => number);
    const deadline = performance.now() + CHECK_LIMIT_MS;
    for (;;) {
      const rows = await this.#rows().catch(() => undefined);
      if (rows !== undefined) return checked(asked, rows);
      if (performance.now() > deadline) throw new Error('No member that takes writes can be asked for them.');
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
      this.#place = { host: client.host, port: client.port };
      try {
        await client.query('create table if not exists written (number int, epoch text, member text)');
        while (!this.#isEnding) await this.#write(client);
      } catch {
        // Another member, or the same one once more.
      }
      close(client);
    }
  }

  async #rows(): Promise<readonly Written[]> {
    const client = await this.#connect(CHECK_LIMIT_MS);
    if (client === undefined) throw new Error('No member takes writes.');
    try {
      await client.query('create table if not exists written (number int, epoch text, member text)');
      return (await client.query('select number, epoch, member from written')).rows as Written[];
    } finally {
      close(client);
    }
  }

  async #write(client: Client): Promise<void> {
    const number = this.#next++;
    this.#wasWarned = false;
    await client.query(INSERT, [number]);
    if (!this.#wasWarned) this.#acknowledged.push({ number, atMs: performance.now() });
    await pause(BREATH_MS);
  }

  /** The first that takes writes; each is asked again and again by itself, so that who is cut off delays nobody. */
  async #connect(answerMs = ANSWER_LIMIT_MS): Promise<Client | undefined> {
    let isOver = false;
    const find = new Promise<Client>((resolve) => {
      const seek = async (place: Place): Promise<void> => {
        while (!isOver) {
          const client = await this.#open(place, answerMs).catch(() => undefined);
          if (client === undefined) await pause(RETRY_MS);
          else if (isOver) close(client);
          else {
            isOver = true;
            resolve(client);
          }
        }
      };
      for (const place of this.#places) void seek(place);
    });
    const found = await Promise.race([find, pause(PATIENCE_MS).then(() => undefined)]);
    isOver = true;
    return found;
  }

  /** @throws Error when it takes no writes */
  async #open(place: Place, answerMs: number): Promise<Client> {
    const limits = { connectionTimeoutMillis: CONNECT_LIMIT_MS, query_timeout: answerMs };
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function close(client: Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

function checked(asked: readonly number[], rows: readonly Written[]): Checked {
  const times = new Map<number, number>();
  const members = new Map<string, Set<string>>();
  for (const { number, epoch, member } of rows) {
    times.set(number, (times.get(number) ?? 0) + 1);
    members.set(epoch, (members.get(epoch) ?? new Set()).add(member));
  }
  return {
    acknowledged: asked.length,
    lost: asked.filter((number) => !times.has(number)),
    doubled: [...times].filter(([, count]) => count > 1).map(([number]) => number),
    shared: [...members].filter(([, who]) => who.size > 1).map(([epoch]) => epoch),
  };
}
