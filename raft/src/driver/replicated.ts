// All that is replicated: the caller's state machine, and what the driver itself keeps beside it. Both are in one
// snapshot. As long as the driver keeps nothing, a snapshot is the state machine's own bytes, so that a version which
// knows nothing of this reads it too.
import { crc32 } from 'node:zlib';
import { assert } from '../assert.ts';
import type { Entry } from '../core/messages.ts';
import { UnknownKindError } from '../errors.ts';
import type { StateMachine } from './options.ts';
import { type SessionOutcome, SessionTable, type StoredSessions } from './session-table.ts';
import { decodeWrapped, type Wrapped } from './wrapped.ts';

/** Before the driver's part: these bytes, its length (4), and a CRC-32 of both and of the part (4). */
const magic = Buffer.from('\u0000raft-ts driver\u0001', 'latin1');
const headBytes = magic.length + 8;

interface DriverState {
  readonly kinds: readonly string[];
  readonly sessions: StoredSessions;
}

/** What others want to hear of what is applied. */
export interface ReplicatedListener {
  readonly opened: (key: string, session: number | undefined) => void;
  readonly closed: (session: number) => void;
  readonly commanded: (session: number, serial: number, outcome: SessionOutcome) => void;
  /** A snapshot took the place of everything. */
  readonly restored: () => void;
}

export class Replicated {
  readonly #machine: StateMachine;
  readonly #ownKinds: ReadonlySet<string>;
  readonly #kinds = new Set<string>();
  readonly sessions = new SessionTable();
  listener: ReplicatedListener | undefined;

  constructor(machine: StateMachine, ownKinds: ReadonlySet<string>) {
    this.#machine = machine;
    this.#ownKinds = ownKinds;
  }

  /** Kinds of entries that may be in the log, and that every member must be able to apply. */
  get kinds(): ReadonlySet<string> {
    return this.#kinds;
  }

  /** What the state machine made of it. Throws UnknownKindError. */
  apply({ index, term, type, data }: Entry): unknown {
    if (type !== 'EntryWrapped') return this.#machine.apply({ index, term, data });
    return this.#applyWrapped(decodeWrapped(data), index, term);
  }

  #applyWrapped(wrapped: Wrapped, index: number, term: number): unknown {
    switch (wrapped.type) {
      case 'kinds-enable':
        this.#enable(wrapped.kinds);
        return undefined;
      case 'session-open': {
        const session = this.sessions.open(wrapped.key, index);
        this.listener?.opened(wrapped.key, session);
        return undefined;
      }
      case 'session-close':
        this.sessions.close(wrapped.session);
        this.listener?.closed(wrapped.session);
        return undefined;
      case 'session-expire':
        this.sessions.expire(wrapped.sessions);
        return undefined;
      case 'session-command': {
        const outcome = this.sessions.command(wrapped, index, (data) => this.#machine.apply({ index, term, data }));
        this.listener?.commanded(wrapped.session, wrapped.serial, outcome);
        return undefined;
      }
    }
  }

  #enable(kinds: readonly string[]): void {
    const unknown = kinds.filter((kind) => !this.#ownKinds.has(kind));
    if (unknown.length > 0) throw new UnknownKindError(unknown);
    for (const kind of kinds) this.#kinds.add(kind);
  }

  snapshot(): Uint8Array {
    const data = this.#machine.snapshot();
    const isOwn = this.#kinds.size > 0 || this.sessions.size > 0 || startsWithMagic(data);
    if (!isOwn) return data;
    const state: DriverState = { kinds: [...this.#kinds], sessions: this.sessions.stored() };
    const part = Buffer.from(JSON.stringify(state));
    const head = Buffer.alloc(headBytes);
    head.set(magic);
    head.writeUInt32LE(part.length, magic.length);
    head.writeUInt32LE(crc32(part, crc32(head.subarray(0, magic.length + 4))), magic.length + 4);
    return Buffer.concat([head, part, data]);
  }

  /** Throws UnknownKindError. */
  restore(data: Uint8Array): void {
    const { state, rest } = split(data);
    this.#kinds.clear();
    this.#enable(state.kinds);
    this.sessions.restore(state.sessions);
    this.#machine.restore(rest);
    this.listener?.restored();
  }
}

function startsWithMagic(data: Uint8Array): boolean {
  return data.length >= headBytes && magic.equals(data.subarray(0, magic.length));
}

function split(data: Uint8Array): { state: DriverState; rest: Uint8Array } {
  if (!startsWithMagic(data)) return { state: { kinds: [], sessions: [] }, rest: data };
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const end = headBytes + bytes.readUInt32LE(magic.length);
  const part = bytes.subarray(headBytes, end);
  const checksum = crc32(part, crc32(bytes.subarray(0, magic.length + 4)));
  assert(checksum === bytes.readUInt32LE(magic.length + 4), 'the driver wrote its part of the snapshot');
  return { state: JSON.parse(part.toString()) as DriverState, rest: bytes.subarray(end) };
}
