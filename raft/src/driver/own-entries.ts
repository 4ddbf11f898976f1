// What the driver has in the log itself, and what goes with it: kinds that are enabled, and sessions. It talks with the
// other peers' drivers by two messages that the core never sees: MsgHello, and MsgProp with a session's command.
import { type Message, makeMessage } from '../core/messages.ts';
import type { RawNode } from '../core/raw-node.ts';
import { ClosedError, ProposalRefusedError } from '../errors.ts';
import { defaults, maxProposalBytes } from './config.ts';
import { allOf, type Enabling, Kinds, type KnownMembers, ownKinds, sessionsKind } from './kinds.ts';
import type { Membership } from './members.ts';
import type { Applied, OpenSessionOptions, RaftOptions } from './options.ts';
import type { Replicated } from './replicated.ts';
import { SessionExpiry } from './session-expiry.ts';
import { type LogEntry, type Session, Sessions } from './sessions.ts';
import { isWrapped } from './wrapped.ts';

/** What this needs of the driver that it belongs to. */
export interface OwnEntriesHost {
  readonly options: RaftOptions;
  readonly core: RawNode;
  isClosed(): boolean;
  isDiskFull(): boolean;
  send(messages: readonly Message[]): void;
  /** A name that was never drawn before. */
  newKey(): string;
  /** Throws at once what is refused; resolves when the entry is applied. */
  submit(entry: LogEntry, timeoutMs: number, kind?: string): Promise<Applied>;
  /** Gives to the core what was submitted. */
  feed(): void;
}

export class OwnEntries {
  readonly #host: OwnEntriesHost;
  readonly #kinds: Kinds;
  readonly #sessions: Sessions;
  readonly #expiry: SessionExpiry;

  constructor(host: OwnEntriesHost, replicated: Replicated) {
    const { id, kinds, clock, sessionTimeoutMs = defaults.sessionTimeoutMs } = host.options;
    this.#host = host;
    this.#kinds = new Kinds(id, ownKinds(kinds), replicated.kinds);
    this.#expiry = new SessionExpiry(replicated.sessions, sessionTimeoutMs);
    this.#sessions = new Sessions(
      {
        now: () => clock.now(),
        newKey: () => host.newKey(),
        check: checkData,
        attempt: (entry, timeoutMs) => this.#attempt(entry, timeoutMs),
      },
      replicated.sessions,
    );
    replicated.listener = this.#sessions;
  }

  get sessionCount(): number {
    return this.#sessions.table.size;
  }

  async openSession({ timeoutMs = defaults.timeoutMs, resume }: OpenSessionOptions): Promise<Session> {
    if (this.#host.isClosed()) throw new ClosedError();
    return resume === undefined ? this.#sessions.open(timeoutMs) : this.#sessions.resume(resume);
  }

  /** Sees to it that entries of this kind may be proposed. Throws KindNotAnnouncedError and ProposalRefusedError. */
  enable(kind: string): void {
    this.#submitEnabling(this.#kinds.prepare(kind, () => this.#known()));
  }

  /** Enables what all have announced. What comes to nothing is tried again. */
  #enableAnnounced(): void {
    const { options, core, isDiskFull, isClosed } = this.#host;
    if (options.enableKindsEarly !== true || isDiskFull() || isClosed() || core.basicStatus().role !== 'leader') return;
    try {
      this.#submitEnabling(this.#kinds.prepareAnnounced(() => this.#known()));
    } catch {
      // There is no room for it now, or the leadership is on its way to another.
    }
  }

  #known(): KnownMembers {
    const { confState, isConfChangePending } = this.#host.core.status();
    return { members: confState, isChanging: isConfChangePending };
  }

  #submitEnabling(enabling: Enabling | undefined): void {
    if (enabling === undefined) return;
    const { kinds, entry } = enabling;
    const settled = (error?: Error) => this.#kinds.settled(kinds, error);
    try {
      void this.#host.submit(entry, defaults.timeoutMs).then(() => settled(), settled);
    } catch (error) {
      // Nothing is on its way; who thinks otherwise proposes what nobody has enabled.
      settled();
      throw error;
    }
  }

  /** Throws KindNotAnnouncedError when somebody who is not a member yet cannot apply what is enabled. */
  demandOf({ voters, learners = [] }: Membership): void {
    const members = allOf(this.#host.core.status().confState);
    this.#kinds.demandOf([...voters, ...learners].filter((id) => !members.includes(id)));
  }

  #attempt(entry: LogEntry, timeoutMs: number): Promise<Applied> | 'sent' | undefined {
    const { core, isClosed, submit, send } = this.#host;
    if (isClosed()) return undefined;
    const { role, lead, id } = core.basicStatus();
    if (role === 'leader') return (async () => submit(entry, timeoutMs, sessionsKind))();
    if (lead === 0) return undefined;
    send([makeMessage('MsgProp', lead, { from: id, entries: [{ index: 0, term: 0, ...entry }] })]);
    return 'sent';
  }

  hear(hello: Message): void {
    this.#kinds.heard(hello);
    this.#enableAnnounced();
  }

  /** What a peer's session passed on. That peer hears nothing of it but that it is applied. */
  receiveForwarded(message: Message): void {
    const isSessions = message.entries.every(({ type, data }) => type === 'EntryWrapped' && isWrapped(data));
    if (!isSessions || this.#host.isDiskFull() || this.#host.core.basicStatus().role !== 'leader') return;
    try {
      this.enable(sessionsKind);
    } catch (error) {
      // Nobody is told: who passed it on asks again, and says in the end that no session was opened.
      if (error instanceof ProposalRefusedError) return;
      throw error;
    }
    this.#host.feed();
    this.#host.core.step(message);
  }

  leadershipChanged(isLeader: boolean): void {
    if (isLeader) this.#expiry.reset();
    else {
      this.#kinds.lostLeadership();
      this.#sayHello();
    }
    this.#sessions.retryAll();
  }

  tick(nowMs: number): void {
    this.#sessions.tick(nowMs);
  }

  /** To be called once in an election timeout. */
  tickSlowly(nowMs: number): void {
    this.#sayHello();
    if (this.#host.core.basicStatus().role !== 'leader') return;
    this.#enableAnnounced();
    const expiry = this.#expiry.look(nowMs);
    if (expiry === undefined) return;
    // Who has no room for it now, and says so at once, looks again.
    (async () => this.#host.submit(expiry, defaults.timeoutMs))().catch(() => undefined);
  }

  /** To all: who is no member hears of no new leader, and must be heard by it to become one. */
  #sayHello(): void {
    const { options, send } = this.#host;
    const others = options.peers.filter((peer) => peer.id !== options.id);
    send(others.map((peer) => this.#kinds.hello(peer.id)));
  }

  close(): void {
    this.#sessions.close();
  }
}

/** Throws ProposalRefusedError for data that no entry can have. */
export function checkData(data: Uint8Array): void {
  if (data.length === 0) throw new ProposalRefusedError('A proposal has at least one byte.');
  if (data.length > maxProposalBytes) {
    throw new ProposalRefusedError(`A proposal has at most ${maxProposalBytes} bytes.`);
  }
}
