// The client's half of sessions, in the process of any peer. A command is given to whoever leads, again and again until
// this peer has applied it: the replicated table sees to it that only the first of them has an effect. So what becomes
// of each single attempt does not matter.
import type { Entry } from '../core/messages.ts';
import { ClosedError, NoLeaderError, ProposalRefusedError, SessionError } from '../errors.ts';
import { defaults, maxWaiting } from './config.ts';
import type { Applied, ProposeOptions } from './options.ts';
import type { ReplicatedListener } from './replicated.ts';
import { maxSessionWindow, type SessionOutcome, type SessionTable } from './session-table.ts';
import { encodeWrapped } from './wrapped.ts';

export type LogEntry = Pick<Entry, 'type' | 'data'>;

/** What sessions need of the peer that they are in. */
export interface SessionHost {
  now(): number;
  /** A name that nobody has drawn before. */
  newKey(): string;
  /** Throws ProposalRefusedError for data that no entry can have. */
  check(data: Uint8Array): void;
  /**
   * Appends this if this peer leads, and resolves when it is applied or rejects when that may not come to pass. Passes
   * it on if another leads, and answers `sent`. Undefined when nobody leads.
   */
  attempt(entry: LogEntry, timeoutMs: number): Promise<unknown> | 'sent' | undefined;
}

export interface SessionProposeOptions extends ProposeOptions {
  /** That of a command whose outcome was `session.unknown`, to repeat it. Default: a new one. */
  readonly serial?: number;
}

export interface SessionApplied extends Pick<Applied, 'index' | 'result'> {
  readonly serial: number;
}

interface Wait<T> {
  readonly entry: LogEntry;
  readonly timeoutMs: number;
  /** What the replicated table says of it, for who did not see it applied. */
  readonly lookUp: () => T | undefined;
  readonly late: (cause: Error | undefined, wasAttempted: boolean) => Error;
}

interface Pending {
  readonly entry: LogEntry;
  readonly deadlineMs: number;
  readonly lookUp: () => unknown;
  readonly settle: (found: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly late: (cause: Error | undefined, wasAttempted: boolean) => Error;
  attempts: number;
  nextAttemptMs: number;
  cause: Error | undefined;
}

/** An answer to what was passed on is waited for so long, twice as long the next time, and so on up to eightfold. */
const firstRetryMs = 1_000;
const mostRetryDoublings = 3;

/** All that waits in this process for something of a session to be applied. */
export class Sessions implements ReplicatedListener {
  readonly #host: SessionHost;
  readonly table: SessionTable;
  readonly #pending = new Map<string, Pending>();

  constructor(host: SessionHost, table: SessionTable) {
    this.#host = host;
    this.table = table;
  }

  async open(timeoutMs: number): Promise<Session> {
    const key = this.#host.newKey();
    const id = await this.until(`open ${key}`, {
      entry: encodeWrapped({ type: 'session-open', key }),
      timeoutMs,
      lookUp: () => this.table.idOf(key),
      late: (cause) => new SessionError('session.unavailable', 0, cause),
    });
    return new Session(id, this, this.#host);
  }

  resume({ id, serial }: { readonly id: number; readonly serial: number }): Session {
    return new Session(id, this, this.#host, serial - 1);
  }

  /** Attempts this again and again until it is applied, and resolves with what is then said of it under this name. */
  until<T>(name: string, { entry, timeoutMs, lookUp, late }: Wait<T>): Promise<T> {
    if (this.#pending.size >= maxWaiting) return Promise.reject(new ProposalRefusedError('Too many commands wait.'));
    if (this.#pending.has(name)) return Promise.reject(new ProposalRefusedError('This is waited for already.'));
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#host.now() + timeoutMs;
      const settle = (found: unknown) => resolve(found as T);
      const pending = { entry, deadlineMs, lookUp, settle, reject, late, attempts: 0, nextAttemptMs: 0 };
      this.#pending.set(name, { ...pending, cause: undefined });
      this.#attempt(this.#pending.get(name) as Pending);
    });
  }

  #attempt(pending: Pending): void {
    const now = this.#host.now();
    const attempt = this.#host.attempt(pending.entry, pending.deadlineMs - now);
    if (attempt === undefined) return;
    pending.attempts += 1;
    if (attempt === 'sent') {
      pending.nextAttemptMs = now + firstRetryMs * 2 ** Math.min(pending.attempts - 1, mostRetryDoublings);
      return;
    }
    pending.nextAttemptMs = Number.POSITIVE_INFINITY;
    attempt.catch((error: Error) => {
      pending.cause = error;
      pending.nextAttemptMs = 0;
    });
  }

  #settle(name: string, found: unknown): void {
    const pending = this.#pending.get(name);
    if (pending === undefined || found === undefined) return;
    this.#pending.delete(name);
    pending.settle(found);
  }

  opened(key: string, session: number | undefined): void {
    this.#settle(`open ${key}`, session);
  }

  closed(session: number): void {
    this.#settle(`close ${session}`, true);
  }

  commanded(session: number, serial: number, outcome: SessionOutcome): void {
    this.#settle(`${session}/${serial}`, outcome);
  }

  restored(): void {
    for (const [name, { lookUp }] of this.#pending) this.#settle(name, lookUp());
  }

  tick(nowMs: number): void {
    for (const [name, pending] of this.#pending) {
      if (pending.deadlineMs <= nowMs) {
        this.#pending.delete(name);
        pending.reject(pending.late(pending.cause, pending.attempts > 0));
      } else if (pending.nextAttemptMs <= nowMs) this.#attempt(pending);
    }
  }

  /** Another may lead: what was passed on to the former leader is asked again at once. */
  retryAll(): void {
    for (const pending of this.#pending.values()) {
      if (pending.nextAttemptMs < Number.POSITIVE_INFINITY) this.#attempt(pending);
    }
  }

  close(): void {
    // What was attempted may be in others' hands, and is applied yet.
    for (const { reject, late, attempts } of this.#pending.values()) {
      reject(attempts > 0 ? late(new ClosedError(), true) : new ClosedError());
    }
    this.#pending.clear();
  }
}

/** One client's commands, each of which is applied at most once, however often it is repeated. */
export class Session {
  readonly id: number;
  readonly #sessions: Sessions;
  readonly #host: SessionHost;
  #lastSerial: number;
  /** Serial numbers whose answer this client does not have, and whether it waits for it. */
  readonly #open = new Map<number, 'waiting' | 'given-up'>();

  constructor(id: number, sessions: Sessions, host: SessionHost, lastSerial = 0) {
    this.id = id;
    this.#lastSerial = lastSerial;
    this.#sessions = sessions;
    this.#host = host;
  }

  /**
   * Has the state machine apply `data` once, and resolves with what it answered; answers travel through JSON when they
   * are given a second time. Tries again over changes of the leader until the time is over. Throws SessionError, and
   * what was surely not appended as ProposalRefusedError, NoLeaderError or, before any attempt, ClosedError.
   */
  async propose(
    data: Uint8Array,
    { timeoutMs = defaults.timeoutMs, serial: repeated }: SessionProposeOptions = {},
  ): Promise<SessionApplied> {
    this.#host.check(data);
    const serial = repeated ?? this.#lastSerial + 1;
    this.#begin(serial);
    const answered = Math.min(...this.#open.keys()) - 1;
    try {
      const outcome = await this.#sessions.until(`${this.id}/${serial}`, {
        entry: encodeWrapped({ type: 'session-command', session: this.id, serial, answered, data }),
        timeoutMs,
        lookUp: () => this.#sessions.table.outcome(this.id, serial),
        late: (cause, wasAttempted) =>
          wasAttempted ? new SessionError('session.unknown', serial, cause) : new NoLeaderError(),
      });
      const { index, result } = read(outcome, serial);
      this.#open.delete(serial);
      return { index, serial, result };
    } catch (error) {
      const isOpen = error instanceof SessionError && error.code === 'session.unknown';
      if (isOpen) this.#open.set(serial, 'given-up');
      else this.#open.delete(serial);
      throw error;
    }
  }

  /** Makes room for a serial number in the window; the oldest of those given up are given up for good. */
  #begin(serial: number): void {
    if (this.#open.get(serial) === 'waiting' || serial > this.#lastSerial + 1) {
      throw new ProposalRefusedError(`The serial number ${serial} is in use, or is not one of this session.`);
    }
    if (serial <= this.#lastSerial && !this.#open.has(serial)) {
      throw new ProposalRefusedError(`The serial number ${serial} is not repeated any more.`);
    }
    for (const [oldest, state] of this.#open) {
      if (serial - oldest < maxSessionWindow) break;
      if (state === 'waiting')
        throw new ProposalRefusedError(`A session waits for ${maxSessionWindow} answers at most.`);
      this.#open.delete(oldest);
    }
    this.#lastSerial = Math.max(this.#lastSerial, serial);
    this.#open.set(serial, 'waiting');
  }

  /** Lets the cluster forget it. A command that still waits is told that the session has expired. */
  async close({ timeoutMs = defaults.timeoutMs }: ProposeOptions = {}): Promise<void> {
    await this.#sessions.until(`close ${this.id}`, {
      entry: encodeWrapped({ type: 'session-close', session: this.id }),
      timeoutMs,
      lookUp: () => (this.#sessions.table.has(this.id) ? undefined : true),
      late: (cause) => new SessionError('session.unknown', 0, cause),
    });
  }
}

function read(outcome: SessionOutcome, serial: number): { index: number; result: unknown } {
  if (outcome.type === 'applied') return outcome;
  if (outcome.type === 'answer-lost') throw new SessionError('session.answer_lost', serial);
  throw new SessionError('session.expired', serial);
}
