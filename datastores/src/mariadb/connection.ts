// Connections to MariaDB, by its client for Node: one to the member's own server that is kept, so that a probe costs one
// query and not a process, and one to another member's for a single question.
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import mysql from 'mysql2/promise';
import { type DriverClock, DriverError, type Upstream } from '../driver.ts';
import { MEMBER_ACCOUNT } from './accounts.ts';
import type { Layout } from './layout.ts';

/** A statement that writes waits for the disk, and a busy machine's may take its time. */
const ANSWER_MS = 20_000;
const ASK_MS = 5_000;

/** Values come as text or numbers; numbers too large for JavaScript as text. */
export type Row = Readonly<Record<string, string | number | null>>;

const TEXTUAL = { supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, connectTimeout: ASK_MS } as const;

export interface ConnectionOptions {
  readonly layout: Layout;
  /** The operating system's user that the agent runs as. */
  readonly user: string;
  readonly clock: DriverClock;
}

export class Connection {
  readonly #options: ConnectionOptions;
  #open: Promise<mysql.Connection> | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  /** Ends what is asked at this moment: the client leaves a statement unanswered whose connection is destroyed. */
  #giveUp: ((error: Error) => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Runs one statement at a time. @throws DriverError `unavailable` when there is no answer in time. */
  query(text: string, values: readonly unknown[] = [], timeoutMs = ANSWER_MS): Promise<readonly Row[]> {
    const answer = this.#queue.then(() =>
      within(this.#options.clock, timeoutMs, this.#untilClosed(this.#run(text, values))).catch((error: unknown) => {
        // What it has been told is not known: the next statement finds a new one.
        if (!isRefusal(error)) this.close();
        throw asDriverError(error);
      }),
    );
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  /** Drops the connection, and whoever waits for its answer is told so; the next query makes another. */
  close(): void {
    this.#giveUp?.(new Error('The connection was closed.'));
    const open = this.#open;
    this.#open = undefined;
    open?.then(
      (connection) => connection.destroy(),
      () => undefined,
    );
  }

  async #untilClosed<Answer>(work: Promise<Answer>): Promise<Answer> {
    let giveUp: ((error: Error) => void) | undefined;
    const closed = new Promise<never>((_resolve, reject) => {
      giveUp = reject;
    });
    this.#giveUp = giveUp;
    work.catch(() => undefined);
    try {
      return await Promise.race([work, closed]);
    } finally {
      // The next statement may have begun.
      if (this.#giveUp === giveUp) this.#giveUp = undefined;
    }
  }

  async #run(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    this.#open ??= this.#connect();
    const opening = this.#open;
    opening.catch(() => {
      if (this.#open === opening) this.#open = undefined;
    });
    const connection = await opening;
    const [rows] = await connection.query(text, [...values]);
    return Array.isArray(rows) ? (rows as Row[]) : [];
  }

  async #connect(): Promise<mysql.Connection> {
    const { layout, user } = this.#options;
    const made = await mysql.createConnection({ ...TEXTUAL, socketPath: layout.socket, user });
    const forget = (): void => {
      const current = this.#open;
      current?.then(
        (open) => {
          if (open === made && this.#open === current) this.#open = undefined;
        },
        () => undefined,
      );
    };
    made.on('error', forget);
    made.on('end', forget);
    return made;
  }
}

/** Asks another member's server, by this member's certificate. @throws DriverError `unavailable` while it does not tell */
export async function askMember(
  upstream: Upstream,
  text: string,
  options: Omit<ConnectionOptions, 'user'>,
): Promise<Row> {
  const { layout, clock } = options;
  let made: mysql.Connection | undefined;
  const ask = async (): Promise<Row> => {
    const files = [layout.rootFile, layout.certificateFile, layout.keyFile];
    const [ca, cert, key] = await Promise.all(files.map((path) => readFile(path, 'utf8')));
    made = await mysql.createConnection({
      ...TEXTUAL,
      // Dialled by its address, and verified by its name.
      ...{ host: upstream.serverName, port: upstream.port, user: MEMBER_ACCOUNT },
      stream: () => connect({ host: upstream.address, port: upstream.port, noDelay: true }),
      ssl: { ...({ ca, cert, key } as { ca: string; cert: string; key: string }), verifyIdentity: true },
    } as mysql.ConnectionOptions);
    made.on('error', () => undefined);
    const [rows] = await made.query(text);
    return (rows as Row[])[0] ?? {};
  };
  try {
    return await within(clock, ASK_MS, ask());
  } catch (error) {
    throw new DriverError('unavailable', `${upstream.memberId} does not tell how its log stands.`, { cause: error });
  } finally {
    made?.destroy();
  }
}

async function within<Answer>(clock: DriverClock, timeoutMs: number, work: Promise<Answer>): Promise<Answer> {
  let timer: { cancel(): void } | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = clock.after(timeoutMs, () => reject(new Error(`The database did not answer within ${timeoutMs} ms.`)));
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer?.cancel();
  }
}

/** The server itself said no; the connection is as good as before. */
function isRefusal(error: unknown): boolean {
  const { sqlState, fatal } = error as { sqlState?: string; fatal?: boolean };
  return sqlState !== undefined && fatal !== true;
}

function asDriverError(error: unknown): DriverError {
  if (isRefusal(error)) {
    const { errno, sqlMessage } = error as { errno?: number; sqlMessage?: string };
    return new DriverError('unavailable', `The database refused a statement (${errno}): ${sqlMessage}`, {
      cause: error,
    });
  }
  return new DriverError('unavailable', 'The database accepts no connection, or does not answer.', { cause: error });
}
