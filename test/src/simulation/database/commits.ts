// Commits and who waits for them. A commit is made when it is flushed; it is told, and shown to others, when as many
// replicas as the settings want have flushed it too. Whether anybody is to be waited for is what one process of the
// server, the checkpointer, has read of the settings.
import type { Random } from 'raft-ts/simulation';
import type { DataDirectory, LogRecord } from './data-directory.ts';
import type { ServerSettings } from './settings.ts';

/** The server whose commits these are. */
export interface CommitsHost {
  readonly data: DataDirectory;
  readonly world: { readonly random: Random };
  after(delayMs: number, act: () => void): void;
}

/** A client's session. */
export interface ClientSession {
  /** The server ends it. */
  lose(): void;
}

interface Waiting {
  readonly record: LogRecord;
  readonly session: ClientSession | undefined;
  readonly isLocal: boolean;
  readonly done: (isCommitted: boolean) => void;
}

/** How many of the newest rows a reader is shown. */
const READ_ROWS = 12;
/** The checkpointer of older minors reads the settings some time after the start. */
const FIRST_READ_MS = 100;

export class Commits {
  readonly #server: CommitsHost;
  #waiting: Waiting[] = [];
  /** Records of this number and before are visible; of later ones, those in the set. */
  #visible = 0;
  readonly #completed = new Set<LogRecord>();
  /** What is flushed by enough replicas. */
  #released = 0;
  #isSynchronous = false;
  readonly #sessions = new Set<ClientSession>();

  constructor(server: CommitsHost) {
    this.#server = server;
  }

  begin(visible: number, settings: ServerSettings): void {
    this.#visible = visible;
    this.#isSynchronous = false;
    this.#server.after(FIRST_READ_MS * this.#server.world.random.next() ** 2, () => this.setSynchronous(settings));
  }

  /** When nobody is to be waited for any more, whoever waits goes on. */
  setSynchronous({ synchronous }: ServerSettings): void {
    this.#isSynchronous = synchronous !== undefined;
    if (!this.#isSynchronous) this.#release(Number.POSITIVE_INFINITY);
  }

  commit(record: LogRecord, isLocal: boolean, done: (isCommitted: boolean) => void, session?: ClientSession): void {
    this.#waiting.push({ record, isLocal, done, session });
  }

  /** More of the log is durable. */
  flushed(): void {
    this.#go();
  }

  /** Enough replicas have flushed up to here. */
  release(end: number): void {
    if (end <= this.#released) return;
    this.#released = end;
    this.#go();
  }

  #release(end: number): void {
    const before = this.#released;
    this.#released = end;
    this.#go();
    this.#released = before;
  }

  #go(): void {
    const { data } = this.#server;
    const durable = data.endOf(data.flushed);
    const left: Waiting[] = [];
    const done: Waiting[] = [];
    for (const waiting of this.#waiting) {
      const { record, isLocal } = waiting;
      const isDurable = record.end <= durable;
      const isFree = isLocal || !this.#isSynchronous || record.end <= this.#released;
      (isDurable && isFree ? done : left).push(waiting);
    }
    this.#waiting = left;
    for (const { record, done: tell } of done) {
      this.#completed.add(record);
      tell(true);
    }
  }

  /** The newest rows that others see. */
  visible(): LogRecord[] {
    const { records } = this.#server.data;
    const seen: LogRecord[] = [];
    for (let at = records.length - 1; at >= 0 && seen.length < READ_ROWS; at -= 1) {
      const record = records[at] as LogRecord;
      if (record.kind === 'write' && (at < this.#visible || this.#completed.has(record))) seen.push(record);
    }
    return seen;
  }

  addSession(session: ClientSession): void {
    this.#sessions.add(session);
  }

  /** Its client is gone. A commit that waits does not notice that: it waits on. */
  removeSession(session: ClientSession): void {
    this.#sessions.delete(session);
  }

  /** Ended while it waits: what it wrote is committed here, shown to others, and told to nobody. */
  #endSession(session: ClientSession): void {
    this.#sessions.delete(session);
    for (const { record, session: waiting } of this.#waiting) if (waiting === session) this.#completed.add(record);
    this.#waiting = this.#waiting.filter((waiting) => waiting.session !== session);
  }

  endClients(): void {
    for (const session of [...this.#sessions]) {
      this.#endSession(session);
      session.lose();
    }
  }

  /** Whoever waits is not told; what it wrote stays. */
  endSessions(): void {
    this.endClients();
    const left = this.#waiting;
    this.#waiting = [];
    for (const { done } of left) done(false);
  }
}
