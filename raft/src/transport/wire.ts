// The core's messages in the language of raft.proto. The path of entries is written out by hand (see protobuf.ts); what
// is rare goes through the generated code.
import { assert } from '../assert.ts';
import {
  type Entry,
  type EntryType,
  type Message,
  type MessageType,
  makeMessage,
  type Snapshot,
} from '../core/messages.ts';
import {
  EntryType as WireEntryType,
  Message as WireMessage,
  Snapshot as WireSnapshot,
  MessageType as WireType,
} from '../generated/raft/v1/raft.ts';
import { bytesFieldBytes, DecodeError, numberFieldBytes, ProtobufReader, ProtobufWriter } from './protobuf.ts';

const wireTypes = {
  MsgProp: WireType.MSG_PROP,
  MsgApp: WireType.MSG_APP,
  MsgAppResp: WireType.MSG_APP_RESP,
  MsgVote: WireType.MSG_VOTE,
  MsgVoteResp: WireType.MSG_VOTE_RESP,
  MsgPreVote: WireType.MSG_PRE_VOTE,
  MsgPreVoteResp: WireType.MSG_PRE_VOTE_RESP,
  MsgSnap: WireType.MSG_SNAP,
  MsgHeartbeat: WireType.MSG_HEARTBEAT,
  MsgHeartbeatResp: WireType.MSG_HEARTBEAT_RESP,
  MsgReadIndex: WireType.MSG_READ_INDEX,
  MsgReadIndexResp: WireType.MSG_READ_INDEX_RESP,
  MsgTransferLeader: WireType.MSG_TRANSFER_LEADER,
  MsgTimeoutNow: WireType.MSG_TIMEOUT_NOW,
  MsgHello: WireType.MSG_HELLO,
} as const;

const wireEntryTypes = {
  EntryNormal: WireEntryType.UNSPECIFIED,
  EntryConfChange: WireEntryType.CONF_CHANGE,
  EntryConfChangeV2: WireEntryType.CONF_CHANGE_V2,
  EntryWrapped: WireEntryType.WRAPPED,
} as const;

const coreEntryTypes = new Map<number, EntryType>(
  Object.entries(wireEntryTypes).map(([type, wire]) => [wire, type as EntryType]),
);

const coreTypes = new Map<number, MessageType>(
  Object.entries(wireTypes).map(([type, wire]) => [wire, type as MessageType]),
);

/** What is sent at once: a DeliverRequest. */
export interface Batch {
  readonly messages: readonly Message[];
}

const noBytes = Buffer.alloc(0);

interface Sized {
  readonly message: Message;
  readonly snapshot: Uint8Array | undefined;
  readonly contextBytes: number;
  readonly entryBytes: readonly number[];
  readonly bytes: number;
}

export function encodeBatch({ messages }: Batch): Buffer {
  const sized = messages.map(sizeOf);
  let bytes = 0;
  for (const message of sized) bytes += bytesFieldBytes(message.bytes);
  const writer = new ProtobufWriter(bytes);
  for (const message of sized) {
    writer.begin(1, message.bytes);
    write(writer, message);
  }
  return finished(writer);
}

export function encodeMessage(message: Message): Buffer {
  const sized = sizeOf(message);
  const writer = new ProtobufWriter(sized.bytes);
  write(writer, sized);
  return finished(writer);
}

function finished(writer: ProtobufWriter): Buffer {
  assert(writer.isFull, 'the size of a message is known before it is written');
  return writer.buffer;
}

function sizeOf(message: Message): Sized {
  const snapshot = message.snapshot === undefined ? undefined : encodeSnapshot(message.snapshot);
  const contextBytes = Buffer.byteLength(message.context);
  const entryBytes = message.entries.map(sizeOfEntry);
  let bytes =
    numberFieldBytes(typeOf(message)) +
    numberFieldBytes(message.to) +
    numberFieldBytes(message.from) +
    numberFieldBytes(message.term) +
    numberFieldBytes(message.logTerm) +
    numberFieldBytes(message.index) +
    numberFieldBytes(message.commit) +
    (message.reject ? 2 : 0) +
    numberFieldBytes(message.rejectHint) +
    numberFieldBytes(message.priority ?? 0);
  if (contextBytes > 0) bytes += bytesFieldBytes(contextBytes);
  if (snapshot !== undefined) bytes += bytesFieldBytes(snapshot.length);
  for (const length of entryBytes) bytes += bytesFieldBytes(length);
  return { message, snapshot, contextBytes, entryBytes, bytes };
}

function sizeOfEntry({ index, term, type = 'EntryNormal', data }: Entry): number {
  return (
    numberFieldBytes(index) +
    numberFieldBytes(term) +
    (data.length > 0 ? bytesFieldBytes(data.length) : 0) +
    numberFieldBytes(wireEntryTypes[type])
  );
}

function write(writer: ProtobufWriter, { message, snapshot, contextBytes, entryBytes }: Sized): void {
  writer.numberField(1, typeOf(message));
  writer.numberField(2, message.to);
  writer.numberField(3, message.from);
  writer.numberField(4, message.term);
  writer.numberField(5, message.logTerm);
  writer.numberField(6, message.index);
  for (const [at, { index, term, type = 'EntryNormal', data }] of message.entries.entries()) {
    writer.begin(7, entryBytes[at] ?? 0);
    writer.numberField(1, index);
    writer.numberField(2, term);
    if (data.length > 0) writer.bytesField(3, data);
    writer.numberField(4, wireEntryTypes[type]);
  }
  writer.numberField(8, message.commit);
  if (snapshot !== undefined) writer.bytesField(9, snapshot);
  writer.numberField(10, Number(message.reject));
  writer.numberField(11, message.rejectHint);
  if (contextBytes > 0) writer.textField(12, message.context, contextBytes);
  writer.numberField(13, message.priority ?? 0);
}

function typeOf({ type }: Message): number {
  return wireTypes[type as keyof typeof wireTypes] ?? WireType.UNSPECIFIED;
}

function encodeSnapshot({ metadata, data }: Snapshot): Uint8Array {
  const { index, term, confState } = metadata;
  const state =
    confState === undefined
      ? undefined
      : {
          voters: [...confState.voters],
          votersOutgoing: [...confState.votersOutgoing],
          learners: [...confState.learners],
          learnersNext: [...confState.learnersNext],
          autoLeave: confState.autoLeave,
        };
  return WireSnapshot.encode({ metadata: { index, term, confState: state }, data: asBuffer(data) }).finish();
}

/** Leaves out the messages that this version does not know; a lost one does no harm. Throws DecodeError. */
export function decodeBatch(bytes: Buffer): Batch {
  const reader = new ProtobufReader(bytes);
  const messages: Message[] = [];
  for (let field = reader.next(); field > 0; field = reader.next()) {
    if (field === 1) {
      const message = readMessage(reader.message());
      if (message !== undefined) messages.push(message);
    } else reader.skip();
  }
  return { messages };
}

/** Undefined for a message that this version does not know. Throws DecodeError. */
export function decodeMessage(bytes: Buffer): Message | undefined {
  return readMessage(new ProtobufReader(bytes));
}

/** As the generated code has it, for what is sent rarely. */
export function toWire(message: Message): WireMessage {
  return WireMessage.decode(encodeMessage(message));
}

/** Undefined for a message that this version does not know. Throws DecodeError. */
export function fromWire(message: WireMessage): Message | undefined {
  return decodeMessage(asBuffer(WireMessage.encode(message).finish()));
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function readMessage(reader: ProtobufReader): Message | undefined {
  let type: MessageType | undefined;
  let isKnown = true;
  const entries: Entry[] = [];
  const message: Mutable<Message> = { ...makeMessage('MsgApp', 0), entries };
  for (let field = reader.next(); field > 0; field = reader.next()) {
    if (field === 1) type = coreTypes.get(reader.number());
    else if (field === 2) message.to = reader.number();
    else if (field === 3) message.from = reader.number();
    else if (field === 4) message.term = reader.number();
    else if (field === 5) message.logTerm = reader.number();
    else if (field === 6) message.index = reader.number();
    else if (field === 7) {
      const entry = readEntry(reader.message());
      if (entry === undefined) isKnown = false;
      else entries.push(entry);
    } else if (field === 8) message.commit = reader.number();
    else if (field === 9) message.snapshot = decodeSnapshot(reader.bytes());
    else if (field === 10) message.reject = reader.number() > 0;
    else if (field === 11) message.rejectHint = reader.number();
    else if (field === 12) message.context = reader.text();
    else if (field === 13) message.priority = reader.number();
    else reader.skip();
  }
  if (type === undefined || !isKnown) return undefined;
  if (type === 'MsgSnap' && message.snapshot === undefined) return undefined;
  message.type = type;
  return message;
}

/** Undefined for a type that this version does not know. */
function readEntry(reader: ProtobufReader): Entry | undefined {
  let index = 0;
  let term = 0;
  let type: EntryType | undefined = 'EntryNormal';
  let data: Buffer = noBytes;
  for (let field = reader.next(); field > 0; field = reader.next()) {
    if (field === 1) index = reader.number();
    else if (field === 2) term = reader.number();
    else if (field === 3) data = reader.bytes();
    else if (field === 4) type = coreEntryTypes.get(reader.number());
    else reader.skip();
  }
  if (type === undefined) return undefined;
  return type === 'EntryNormal' ? { index, term, data } : { index, term, type, data };
}

function decodeSnapshot(bytes: Buffer): Snapshot {
  const { metadata, data } = decodeGenerated(bytes);
  if (metadata === undefined) throw new DecodeError('A snapshot says not of what it is one.');
  const { index, term, confState } = metadata;
  return { metadata: { index, term, ...(confState === undefined ? {} : { confState }) }, data };
}

function decodeGenerated(bytes: Buffer): WireSnapshot {
  try {
    return WireSnapshot.decode(bytes);
  } catch (error) {
    throw new DecodeError('A snapshot does not decode.', { cause: error });
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
