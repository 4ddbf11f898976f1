// A connection that is kept, so that a probe costs one query and not a process. It is made when it is first needed, and
// again after it broke.
import { type DriverClock, DriverError } from '../driver.ts';
import type { OpenSession, Row, Session } from '../session.ts';
import { AGENT_ROLE } from './config.ts';

/** A statement that writes waits for the disk, and a busy machine's may take its time. */
const ANSWER_MS = 20_000;

export interface ConnectionOptions {
  readonly socketFolder: string;
  readonly port: number;
  /** `postgres`, unless another is named. */
  readonly database?: string;
  /** `local` for what must not wait for the other voters. */
  readonly synchronousCommit: 'on' | 'local';
  readonly clock: DriverClock;
  readonly session: OpenSession;
}

export class Connection {
  readonly #options: ConnectionOptions;
  #open: Session | undefined;
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
    open?.destroy();
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
    const session = this.#open ?? (await this.#connect());
    return await session.query(text, values);
  }

  async #connect(): Promise<Session> {
    const { socketFolder, port, database = 'postgres', synchronousCommit, session } = this.#options;
    const settings = {
      ...({ kind: 'local', socketFolder, port, user: AGENT_ROLE, database } as const),
      // A statement that failed may hold a verifier: it is kept out of the server's log.
      settings: { synchronous_commit: synchronousCommit, log_min_error_statement: 'panic' },
    };
    const open: Session = session(settings, () => {
      if (this.#open === open) this.#open = undefined;
    });
    this.#open = open;
    try {
      await open.open();
    } catch (error) {
      this.close();
      throw new DriverError('unavailable', 'The database accepts no connection.', { cause: error });
    }
    return open;
  }
}
