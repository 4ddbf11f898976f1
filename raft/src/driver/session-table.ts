// The replicated half of sessions (thesis §6.3): which there are, and what each was answered that its client may not
// have heard. It is the same on every peer after the same entry, so nothing here depends on a clock or a setting: who
// is idle is decided by the leader and comes as an entry.
import type { IdleSession, SessionCommand } from './wrapped.ts';

/** Open sessions in a cluster; beyond it none is opened. */
export const maxSessions = 10_000;
/** Commands of one session that may wait for their answers at once. */
export const maxSessionWindow = 64;
/** A larger answer, as JSON, is not kept for a repeat. */
export const maxKeptAnswerBytes = 64 * 1024;
/** Answers kept for all sessions together; beyond it none is kept for a repeat. */
export const maxKeptBytes = 32 * 1024 * 1024;

/** An answer that is not kept is undefined; that its command was applied is known all the same. */
interface Answer {
  readonly index: number;
  readonly json: string | undefined;
}

interface SessionState {
  readonly key: string;
  usedIndex: number;
  answered: number;
  readonly answers: Map<number, Answer>;
}

/** What became of a command. */
export type SessionOutcome =
  | { readonly type: 'applied'; readonly index: number; readonly result: unknown }
  /** It was applied before, but the answer is no longer there. */
  | { readonly type: 'answer-lost'; readonly index: number }
  /** There is no such session any more. This command was not applied now; whether it was before is not known. */
  | { readonly type: 'expired' }
  /** Its client said that it waits for it no more, or ran too far ahead. It was not applied now. */
  | { readonly type: 'out-of-window' };

interface StoredSession extends Omit<SessionState, 'answers'> {
  readonly id: number;
  readonly answers: readonly (readonly [number, Answer])[];
}

export type StoredSessions = readonly StoredSession[];

export class SessionTable {
  readonly #sessions = new Map<number, SessionState>();
  readonly #byKey = new Map<string, number>();
  #keptBytes = 0;

  get size(): number {
    return this.#sessions.size;
  }

  has(id: number): boolean {
    return this.#sessions.has(id);
  }

  /** By id, the entry in which each was used last. */
  used(): IdleSession[] {
    return Array.from(this.#sessions, ([id, { usedIndex }]) => ({ id, usedIndex }));
  }

  /** The session that this question opened, now or before; undefined when there are too many. */
  open(key: string, index: number): number | undefined {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#sessions.size >= maxSessions) return undefined;
    this.#sessions.set(index, { key, usedIndex: index, answered: 0, answers: new Map() });
    this.#byKey.set(key, index);
    return index;
  }

  idOf(key: string): number | undefined {
    return this.#byKey.get(key);
  }

  close(id: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    for (const { json } of session.answers.values()) this.#keptBytes -= json?.length ?? 0;
    this.#byKey.delete(session.key);
    this.#sessions.delete(id);
  }

  /** Closes those that were not used since. */
  expire(idle: readonly IdleSession[]): void {
    for (const { id, usedIndex } of idle) if (this.#sessions.get(id)?.usedIndex === usedIndex) this.close(id);
  }

  /** Applies a command unless it was applied before. */
  command(command: SessionCommand, index: number, apply: (data: Uint8Array) => unknown): SessionOutcome {
    const { session: id, serial, answered } = command;
    const session = this.#sessions.get(id);
    if (session === undefined) return { type: 'expired' };
    session.usedIndex = index;
    this.#forget(session, answered);
    const known = session.answers.get(serial);
    if (known !== undefined) return outcomeOf(known);
    const isInWindow = serial > session.answered && serial <= session.answered + maxSessionWindow;
    if (!isInWindow) return { type: 'out-of-window' };
    const result = apply(command.data);
    session.answers.set(serial, { index, json: this.#kept(result) });
    return { type: 'applied', index, result };
  }

  /** What became of a command, for who did not see it applied; undefined when nothing yet. */
  outcome(id: number, serial: number): SessionOutcome | undefined {
    const session = this.#sessions.get(id);
    // It has expired, or this peer is behind and has not heard of it yet: the next attempt tells.
    if (session === undefined) return undefined;
    const known = session.answers.get(serial);
    if (known !== undefined) return outcomeOf(known);
    return serial <= session.answered ? { type: 'out-of-window' } : undefined;
  }

  #forget(session: SessionState, answered: number): void {
    if (answered <= session.answered) return;
    session.answered = answered;
    for (const [serial, { json }] of session.answers) {
      if (serial > answered) continue;
      this.#keptBytes -= json?.length ?? 0;
      session.answers.delete(serial);
    }
  }

  #kept(result: unknown): string | undefined {
    const json = JSON.stringify(result) ?? 'null';
    if (json.length > maxKeptAnswerBytes || this.#keptBytes + json.length > maxKeptBytes) return undefined;
    this.#keptBytes += json.length;
    return json;
  }

  stored(): StoredSessions {
    return Array.from(this.#sessions, ([id, session]) => ({ id, ...session, answers: [...session.answers] }));
  }

  restore(stored: StoredSessions): void {
    this.#sessions.clear();
    this.#byKey.clear();
    this.#keptBytes = 0;
    for (const { id, answers, ...session } of stored) {
      this.#sessions.set(id, { ...session, answers: new Map(answers) });
      this.#byKey.set(session.key, id);
      for (const [, { json }] of answers) this.#keptBytes += json?.length ?? 0;
    }
  }
}

function outcomeOf({ index, json }: Answer): SessionOutcome {
  return json === undefined ? { type: 'answer-lost', index } : { type: 'applied', index, result: JSON.parse(json) };
}
