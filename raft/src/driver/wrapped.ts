// What the driver itself has in the log: a byte that says what it is about, and its content. A peer that does not know
// the byte must not go on, for the others apply something that it cannot.
import { assert } from '../assert.ts';
import type { Entry } from '../core/messages.ts';

export interface SessionCommand {
  readonly type: 'session-command';
  /** The session: the index of the entry that opened it. */
  readonly session: number;
  /** Counts the session's commands from 1. */
  readonly serial: number;
  /** Up to this serial number the client waits for no answer any more. */
  readonly answered: number;
  /** The state machine's. */
  readonly data: Uint8Array;
}

export interface IdleSession {
  readonly id: number;
  /** The entry in which it was used last; it has expired only if that is still so when this is applied. */
  readonly usedIndex: number;
}

export type Wrapped =
  | SessionCommand
  /** `key` names the question, so that one that is asked again opens no second session. */
  | { readonly type: 'session-open'; readonly key: string }
  | { readonly type: 'session-close'; readonly session: number }
  | { readonly type: 'session-expire'; readonly sessions: readonly IdleSession[] }
  /** From here on entries of these kinds may be in the log. */
  | { readonly type: 'kinds-enable'; readonly kinds: readonly string[] };

const commandByte = 1;
const commandHeaderBytes = 25;
/** Written as JSON behind the byte. A number once used keeps its meaning. */
const bytesOfTypes = { 'session-open': 2, 'session-close': 3, 'session-expire': 4, 'kinds-enable': 5 } as const;
const jsonTypes = new Map(Object.entries(bytesOfTypes).map(([type, byte]) => [byte as number, type]));

export function encodeWrapped(wrapped: Wrapped): Pick<Entry, 'type' | 'data'> {
  if (wrapped.type === 'session-command') {
    const data = Buffer.allocUnsafe(commandHeaderBytes + wrapped.data.length);
    data.writeUInt8(commandByte, 0);
    data.writeDoubleLE(wrapped.session, 1);
    data.writeDoubleLE(wrapped.serial, 9);
    data.writeDoubleLE(wrapped.answered, 17);
    data.set(wrapped.data, commandHeaderBytes);
    return { type: 'EntryWrapped', data };
  }
  const { type, ...content } = wrapped;
  const data = Buffer.concat([Buffer.from([bytesOfTypes[type]]), Buffer.from(JSON.stringify(content))]);
  return { type: 'EntryWrapped', data };
}

export function decodeWrapped(bytes: Uint8Array): Wrapped {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const byte = data.length > 0 ? data.readUInt8(0) : 0;
  if (byte === commandByte) {
    assert(data.length > commandHeaderBytes, 'a command of a session has data');
    const numberAt = (at: number) => data.readDoubleLE(at);
    const place = { session: numberAt(1), serial: numberAt(9), answered: numberAt(17) };
    return { type: 'session-command', ...place, data: data.subarray(commandHeaderBytes) };
  }
  const type = jsonTypes.get(byte);
  assert(type !== undefined, `a wrapped entry of the unknown type ${byte}: was it written by a later version?`);
  return { type, ...JSON.parse(data.subarray(1).toString()) } as Wrapped;
}

/** Whether these bytes are a wrapped entry that this version knows; for what comes from others. */
export function isWrapped(data: Uint8Array): boolean {
  try {
    decodeWrapped(data);
    return true;
  } catch {
    return false;
  }
}
