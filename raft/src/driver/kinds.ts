// New kinds of entries in a cluster that is upgraded peer by peer. Each peer says again and again which kinds it can
// apply; the first proposal of a kind is preceded by an entry that enables it, which the leader makes only when every
// member has said so, and for who wishes it as soon as every member has. Enabled is for ever, so that a member that is gone, or a new leader that has not heard of it yet,
// stands in nobody's way; and who cannot apply what is enabled does not become a member.
import type { ConfState, Entry, Message } from '../core/messages.ts';
import { makeMessage } from '../core/messages.ts';
import { KindNotAnnouncedError, ProposalRefusedError, ProposalUnknownError } from '../errors.ts';
import { encodeWrapped } from './wrapped.ts';

/** The driver's own. */
export const sessionsKind = 'raft.sessions';
/** Kinds of one peer. */
export const maxKinds = 1_000;

export function ownKinds(kinds: readonly string[] = []): ReadonlySet<string> {
  return new Set([sessionsKind, ...kinds]);
}

export interface KnownMembers {
  readonly members: ConfState;
  /** Whether there may be others already in the log. */
  readonly isChanging: boolean;
}

export interface Enabling {
  readonly kinds: readonly string[];
  readonly entry: Pick<Entry, 'type' | 'data'>;
}

export class Kinds {
  readonly #id: number;
  readonly #own: ReadonlySet<string>;
  readonly #enabled: ReadonlySet<string>;
  readonly #announced = new Map<number, ReadonlySet<string>>();
  /** Those whose enabling is on its way, in this term, or may be. */
  readonly #enabling = new Set<string>();

  constructor(id: number, own: ReadonlySet<string>, enabled: ReadonlySet<string>) {
    this.#id = id;
    this.#own = own;
    this.#enabled = enabled;
  }

  /** What tells the others. */
  hello(to: number): Message {
    return makeMessage('MsgHello', to, { from: this.#id, context: JSON.stringify([...this.#own]) });
  }

  heard({ from, context }: Message): void {
    const kinds = parseKinds(context);
    if (kinds !== undefined) this.#announced.set(from, new Set(kinds));
  }

  /** Whether every member can apply it, as far as this peer's log says. */
  isEnabled(kind: string): boolean {
    return this.#enabled.has(kind);
  }

  /**
   * What must be proposed before the first entry of this kind; undefined when nothing.
   * Throws KindNotAnnouncedError, and ProposalRefusedError for a kind that this peer cannot apply itself, or while the
   * members change: who comes after them in the log would be asked by nobody.
   */
  prepare(kind: string, known: () => KnownMembers): Enabling | undefined {
    if (this.#enabled.has(kind) || this.#enabling.has(kind)) return undefined;
    if (!this.#own.has(kind)) throw new ProposalRefusedError(`This peer cannot apply entries of the kind ${kind}.`);
    const { members, isChanging } = known();
    if (isChanging) throw new ProposalRefusedError('The members are changing. Propose it again a little later.');
    const lacking = this.#lacking(kind, allOf(members));
    if (lacking.length > 0) throw new KindNotAnnouncedError(kind, lacking);
    return this.#enable([kind]);
  }

  /** What enables all of this peer's own kinds that every member has announced; undefined when nothing is to be done. */
  prepareAnnounced(known: () => KnownMembers): Enabling | undefined {
    const wanted = [...this.#own].filter((kind) => !this.#enabled.has(kind) && !this.#enabling.has(kind));
    if (wanted.length === 0) return undefined;
    const { members, isChanging } = known();
    const all = allOf(members);
    const announced = isChanging ? [] : wanted.filter((kind) => this.#lacking(kind, all).length === 0);
    return announced.length === 0 ? undefined : this.#enable(announced);
  }

  #enable(kinds: readonly string[]): Enabling {
    for (const kind of kinds) this.#enabling.add(kind);
    return { kinds, entry: encodeWrapped({ type: 'kinds-enable', kinds }) };
  }

  #lacking(kind: string, members: readonly number[]): number[] {
    return members.filter((id) => id !== this.#id && this.#announced.get(id)?.has(kind) !== true);
  }

  /** Enabling them is done, or came to nothing; or it is not known, and then it may be done yet. */
  settled(kinds: readonly string[], error?: Error): void {
    if (error instanceof ProposalUnknownError) return;
    for (const kind of kinds) this.#enabling.delete(kind);
  }

  lostLeadership(): void {
    this.#enabling.clear();
  }

  /** Throws KindNotAnnouncedError when one of these, not yet a member, cannot apply what is enabled. */
  demandOf(newcomers: readonly number[]): void {
    for (const kind of [...this.#enabled, ...this.#enabling]) {
      const lacking = this.#lacking(kind, newcomers);
      if (lacking.length > 0) throw new KindNotAnnouncedError(kind, lacking);
    }
  }
}

export function allOf({ voters, votersOutgoing, learners, learnersNext }: ConfState): number[] {
  return [...new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])].sort((a, b) => a - b);
}

/** Undefined for what no peer of any version says. */
function parseKinds(context: string): string[] | undefined {
  try {
    const kinds: unknown = JSON.parse(context);
    const isList = Array.isArray(kinds) && kinds.length <= maxKinds && kinds.every((kind) => typeof kind === 'string');
    return isList ? kinds : undefined;
  } catch {
    return undefined;
  }
}
