// A connection that is kept, so that a probe costs one query and not a process. It is made when it is first needed, and
// again after it broke.
import { Socket } from 'node:net';
import pg from 'pg';
import { type DriverClock, DriverError } from '../driver.ts';
import { AGENT_ROLE } from './config.ts';

/** A statement that writes waits for the disk, and a busy machine's may take its time. */
const ANSWER_MS = 20_000;

export interface ConnectionOptions {
  readonly socketFolder: string;
  readonly port: number;
  /** `local` for what must not wait for the other voters. */
  readonly synchronousCommit: 'on' | 'local';
  readonly clock: DriverClock;
}

export type Row = Readonly<Record<string, string | number | boolean | null>>;

export class Connection {
  readonly #options: ConnectionOptions;
  #open: { readonly client: pg.Client; readonly socket: Socket } | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Runs one statement at a time. @throws DriverError `unavailable` when there is no answer in time. */
  query(text: string, values: readonly unknown[] = [], timeoutMs = ANSWER_MS): Promise<readonly Row[]> {
    const answer = this.#queue.then(() => this.#bounded(text, values, timeoutMs));
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  /** Drops the connection; the next query makes another. */
  close(): void {
    const open = this.#open;
    this.#open = undefined;
    open?.socket.destroy();
  }

  async #bounded(text: string, values: readonly unknown[], timeoutMs: number): Promise<readonly Row[]> {
    let timer: { cancel(): void } | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = this.#options.clock.after(timeoutMs, () => {
        this.close();
        reject(new DriverError('unavailable', `The database did not answer within ${timeoutMs} ms.`));
      });
    });
    try {
      return await Promise.race([this.#run(text, values), late]);
    } finally {
      timer?.cancel();
    }
  }

  async #run(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    const client = this.#open?.client ?? (await this.#connect());
    const result = await client.query(text, [...values]);
    return result.rows as Row[];
  }

  async #connect(): Promise<pg.Client> {
    const socket = new Socket();
    const client = new pg.Client({
      host: this.#options.socketFolder,
      port: this.#options.port,
      user: AGENT_ROLE,
      database: 'postgres',
      application_name: 'argosy agent',
      // A statement that failed may hold a verifier: it is kept out of the server's log.
      options: `-c synchronous_commit=${this.#options.synchronousCommit} -c log_min_error_statement=panic`,
      ssl: false,
      stream: () => socket,
    });
    const open = { client, socket };
    const forget = (): void => {
      if (this.#open === open) this.#open = undefined;
    };
    client.on('error', forget);
    client.on('end', forget);
    this.#open = open;
    try {
      await client.connect();
    } catch (error) {
      this.close();
      throw new DriverError('unavailable', 'The database accepts no connection.', { cause: error });
    }
    return client;
  }
}
