// Between the core's messages and those of raft.proto.

import type { Message, MessageType } from '../core/messages.ts';
import { Message as WireMessage, MessageType as WireType } from '../generated/raft/v1/raft.ts';

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
} as const;

const coreTypes = new Map<number, MessageType>(
  Object.entries(wireTypes).map(([type, wire]) => [wire, type as MessageType]),
);

export function toWire(message: Message): WireMessage {
  const type = wireTypes[message.type as keyof typeof wireTypes];
  return {
    ...message,
    type: type ?? WireType.UNSPECIFIED,
    entries: message.entries.map(({ index, term, data }) => ({ index, term, data: asBuffer(data) })),
    snapshot:
      message.snapshot === undefined
        ? undefined
        : { metadata: message.snapshot.metadata, data: asBuffer(message.snapshot.data) },
  };
}

/** Undefined for what this version does not know; a lost message does no harm. */
export function fromWire(wire: WireMessage): Message | undefined {
  const type = coreTypes.get(wire.type);
  if (type === undefined) return undefined;
  const { snapshot, ...rest } = wire;
  if (snapshot === undefined) return type === 'MsgSnap' ? undefined : { ...rest, type };
  if (snapshot.metadata === undefined) return undefined;
  return { ...rest, type, snapshot: { metadata: snapshot.metadata, data: snapshot.data } };
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
