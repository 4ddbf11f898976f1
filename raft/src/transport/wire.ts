// Between the core's messages and those of raft.proto.

import type { Entry, EntryType, Message, MessageType, Snapshot } from '../core/messages.ts';
import {
  type Entry as WireEntry,
  EntryType as WireEntryType,
  Message as WireMessage,
  type Snapshot as WireSnapshot,
  MessageType as WireType,
} from '../generated/raft/v1/raft.ts';

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

export function toWire({ vote: _vote, responses: _responses, ...message }: Message): WireMessage {
  const type = wireTypes[message.type as keyof typeof wireTypes];
  return {
    ...message,
    type: type ?? WireType.UNSPECIFIED,
    entries: message.entries.map(entryToWire),
    snapshot: message.snapshot === undefined ? undefined : snapshotToWire(message.snapshot),
    priority: message.priority ?? 0,
  };
}

function entryToWire({ index, term, type = 'EntryNormal', data }: Entry): WireEntry {
  return { index, term, type: wireEntryTypes[type], data: asBuffer(data) };
}

function snapshotToWire({ metadata, data }: Snapshot): WireSnapshot {
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
  return { metadata: { index, term, confState: state }, data: asBuffer(data) };
}

/** Undefined for what this version does not know; a lost message does no harm. */
export function fromWire(wire: WireMessage): Message | undefined {
  const type = coreTypes.get(wire.type);
  if (type === undefined) return undefined;
  const { snapshot, entries: wireEntries, priority, ...rest } = wire;
  const entries = wireEntries.map(entryFromWire).filter((entry) => entry !== undefined);
  if (entries.length < wireEntries.length) return undefined;
  const message: Message = { ...rest, type, entries, ...(priority === 0 ? {} : { priority }) };
  if (snapshot === undefined) return type === 'MsgSnap' ? undefined : message;
  if (snapshot.metadata === undefined) return undefined;
  const { index, term, confState } = snapshot.metadata;
  const metadata = { index, term, ...(confState === undefined ? {} : { confState }) };
  return { ...message, snapshot: { metadata, data: snapshot.data } };
}

function entryFromWire({ index, term, type: wireType, data }: WireEntry): Entry | undefined {
  const type = coreEntryTypes.get(wireType);
  if (type === undefined) return undefined;
  return type === 'EntryNormal' ? { index, term, data } : { index, term, type, data };
}

export function encodeMessage(message: WireMessage): Buffer {
  return asBuffer(WireMessage.encode(message).finish());
}

/** Undefined when these bytes are no message. */
export function decodeMessage(bytes: Buffer): WireMessage | undefined {
  try {
    return WireMessage.decode(bytes);
  } catch {
    return undefined;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
