// The processes that send the log to replicas. Each has read the settings in its own time, and counts acknowledgements by
// what it has read: by the name under which a replica streams, whoever that is.
import type { Timeline } from 'raft-ts/simulation';
import type { Wire } from '../network.ts';
import type { Commits } from './commits.ts';
import { type DataDirectory, type LogRecord, writeLsn } from './data-directory.ts';
import type { ServerSettings } from './settings.ts';

/** `wal_sender_timeout`, and the pause after which a word is asked for. */
const TIMEOUT_MS = 3_000;
const LOOK_MS = 500;

/** The server that sends. */
export interface SendersHost {
  readonly state: string;
  readonly isAccepting: boolean;
  readonly isRecovering: boolean;
  readonly data: DataDirectory;
  readonly timeline: number;
  readonly replayed: number;
  readonly settings: ServerSettings;
  readonly commits: Commits;
  readonly world: { readonly timeline: Timeline };
  readonly host: { nextPid(): number };
  historyOf(timeline: number): readonly { readonly timeline: number; readonly end: number }[];
  trace(what: string): void;
  after(delayMs: number, act: () => void): void;
}

/** What a replica says when it connects. */
export interface Greeting {
  readonly name: string;
  readonly slot: string;
  readonly systemId: string;
  /** Where it wants to go on. */
  readonly timeline: number;
  readonly end: number;
  readonly last: LogRecord | undefined;
  /** What it has replayed, which it shows as flushed at once. */
  readonly replayed: number;
}

export type ToReplica =
  | { readonly kind: 'records'; readonly records: readonly LogRecord[]; readonly isFitting: boolean }
  | { readonly kind: 'word' }
  | { readonly kind: 'end of timeline' }
  | { readonly kind: 'refused'; readonly why: string };

export interface Sender {
  readonly pid: number;
  readonly name: string;
  readonly slot: string;
  readonly wire: Wire;
  readonly receive: (message: ToReplica) => void;
  settings: ServerSettings;
  /** So many records are sent. */
  sent: number;
  /** The one that it sends; where that ends, undefined: it is written on. */
  readonly timeline: number;
  readonly until: number | undefined;
  readonly isFitting: boolean;
  flushed: number | undefined;
  answeredMs: number;
  isOver: boolean;
}

export class Senders {
  readonly #server: SendersHost;
  readonly #senders = new Map<number, Sender>();

  constructor(server: SendersHost) {
    this.#server = server;
  }

  get all(): Sender[] {
    return [...this.#senders.values()];
  }

  /** Why this replica cannot be sent anything; undefined when it can. */
  refusal({ slot, systemId, timeline, end, name }: Greeting): string | undefined {
    const server = this.#server;
    if (!server.isAccepting) return 'the database system is starting up';
    const { data } = server;
    if (data.systemId !== systemId) return 'another database';
    if (!data.slots.has(slot)) return `replication slot "${slot}" does not exist`;
    if (this.all.some((sender) => sender.slot === slot)) return `replication slot "${slot}" is active (${name})`;
    if (timeline > server.timeline) return `timeline ${server.timeline} is behind`;
    if (timeline === server.timeline) {
      const reached = data.endOf(server.isRecovering ? server.replayed : data.flushed);
      return end > reached ? `${writeLsn(end)} is ahead of the flush position ${writeLsn(reached)}` : undefined;
    }
    const left = server.historyOf(server.timeline).find((entry) => entry.timeline === timeline);
    if (left === undefined) return `timeline ${timeline} is not in this server's history`;
    return left.end < end ? `timeline ${timeline} was left at ${writeLsn(left.end)}` : undefined;
  }

  begin(greeting: Greeting, wire: Wire, receive: (message: ToReplica) => void): Sender {
    const server = this.#server;
    const { data } = server;
    const { name, slot, timeline, end, last, replayed } = greeting;
    const until = server.historyOf(server.timeline).find((entry) => entry.timeline === timeline)?.end;
    const sent = data.countUpTo(end);
    const sender: Sender = {
      ...{ pid: server.host.nextPid(), name, slot, wire, receive, settings: server.settings, sent },
      ...{ timeline, until: timeline === server.timeline ? undefined : until },
      isFitting: last === undefined || data.records[sent - 1] === last,
      ...{ flushed: undefined, answeredMs: server.world.timeline.nowMs, isOver: false },
    };
    this.#senders.set(sender.pid, sender);
    server.trace(`sends to ${name} from ${writeLsn(end)}${sender.isFitting ? '' : ', which does not fit'}`);
    this.answer(sender, replayed);
    this.#watch(sender);
    this.pump();
    return sender;
  }

  /** Sends what is flushed and not sent. */
  pump(): void {
    const server = this.#server;
    if (this.#senders.size === 0 || server.state === 'starting' || server.state === 'ended') return;
    const { data } = server;
    for (const sender of this.#senders.values()) {
      const available = server.isRecovering ? server.replayed : data.flushed;
      let last = sender.sent;
      while (last < available && data.records[last]?.timeline === sender.timeline) last += 1;
      const isLeft = last < available || (sender.until !== undefined && last >= data.countUpTo(sender.until));
      if (last > sender.sent) {
        const records = data.records.slice(sender.sent, last);
        sender.sent = last;
        this.#say(sender, { kind: 'records', records, isFitting: sender.isFitting });
      }
      if (isLeft) {
        this.#say(sender, { kind: 'end of timeline' });
        this.end(sender.pid);
      }
    }
  }

  /** A replica has told what it has flushed. */
  answer(sender: Sender, flushed: number): void {
    if (sender.isOver) return;
    sender.answeredMs = this.#server.world.timeline.nowMs;
    sender.flushed = flushed;
    const { synchronous } = sender.settings;
    if (synchronous === undefined || !isCounted(sender) || this.#server.isRecovering) return;
    const counted = this.all.filter((other) => other.flushed !== undefined && isCounted(other));
    const ends = counted.map((other) => other.flushed as number).sort((left, right) => right - left);
    const end = ends[synchronous.count - 1];
    if (end !== undefined) this.#server.commits.release(end);
  }

  word(sender: Sender): void {
    this.#say(sender, { kind: 'word' });
  }

  /** Every replica that is connected has all that was written. */
  haveAll(): boolean {
    const { data } = this.#server;
    const end = data.endOf(data.records.length);
    return this.all.every((sender) => !sender.isFitting || (sender.flushed ?? 0) >= end);
  }

  reload(readLater: (act: (settings: ServerSettings) => void) => void): void {
    for (const sender of this.#senders.values()) {
      readLater((settings) => {
        sender.settings = settings;
      });
    }
  }

  has(pid: number): boolean {
    return this.#senders.has(pid);
  }

  end(pid: number): void {
    const sender = this.#senders.get(pid);
    if (sender === undefined) return;
    sender.isOver = true;
    this.#senders.delete(pid);
    sender.wire.close(1);
  }

  #say(sender: Sender, message: ToReplica): void {
    sender.wire.send(1, () => sender.receive(message));
  }

  #watch(sender: Sender): void {
    this.#server.after(LOOK_MS, () => {
      if (sender.isOver) return;
      const silentMs = this.#server.world.timeline.nowMs - sender.answeredMs;
      if (silentMs > TIMEOUT_MS) {
        this.#server.trace(`gives ${sender.name} up: no answer`);
        this.end(sender.pid);
        return;
      }
      if (silentMs > TIMEOUT_MS / 2) this.word(sender);
      this.#watch(sender);
    });
  }
}

export function isCounted({ name, settings }: Sender): boolean {
  const names = settings.synchronous?.names;
  return names?.has(name) === true || names?.has('*') === true;
}
