import test from 'ava';
import { type Message, makeMessage } from '../core/messages.ts';
import { DeliverRequest, EntryType, MessageType, Message as WireMessage } from '../generated/raft/v1/raft.ts';
import { DecodeError } from './protobuf.ts';
import { decodeBatch, decodeMessage, encodeBatch, encodeMessage } from './wire.ts';

const large = Number.MAX_SAFE_INTEGER;
const confState = { voters: [1, 2], votersOutgoing: [3], learners: [], learnersNext: [4], autoLeave: true };
const messages: readonly Message[] = [
  makeMessage('MsgHeartbeat', 2),
  makeMessage('MsgApp', 3, {
    from: 1,
    term: 127,
    logTerm: 128,
    index: 2 ** 32 + 5,
    commit: large,
    entries: [
      { index: 16_383, term: 16_384, data: Buffer.from('a'.repeat(300)) },
      { index: large, term: large, type: 'EntryConfChangeV2', data: Buffer.alloc(0) },
      { index: 2 ** 31, term: 1, type: 'EntryConfChange', data: Buffer.from([0, 255]) },
      { index: 4, term: 1, type: 'EntryWrapped', data: Buffer.from([1]) },
    ],
  }),
  makeMessage('MsgAppResp', 1, { from: 3, term: 9, reject: true, rejectHint: 77, context: 'Zürich €' }),
  makeMessage('MsgPreVote', 1, { from: 3, term: 9, priority: 3 }),
  makeMessage('MsgSnap', 1, {
    from: 3,
    snapshot: { metadata: { index: 5, term: 2, confState }, data: Buffer.from('s') },
  }),
];

test('what is written by hand is what generated code writes and reads', (t) => {
  const bytes = encodeBatch({ messages });

  const read = DeliverRequest.decode(bytes);
  t.deepEqual(Buffer.from(DeliverRequest.encode(read).finish()), bytes);
  const [, append, answer] = read.messages;
  t.like(append, { type: MessageType.MSG_APP, index: 2 ** 32 + 5, commit: large, logTerm: 128 });
  t.deepEqual(
    append?.entries.map(({ index, term, type, data }) => [index, term, type, data.length]),
    [
      [16_383, 16_384, EntryType.UNSPECIFIED, 300],
      [large, large, EntryType.CONF_CHANGE_V2, 0],
      [2 ** 31, 1, EntryType.CONF_CHANGE, 2],
      [4, 1, EntryType.WRAPPED, 1],
    ],
  );
  t.like(answer, { reject: true, rejectHint: 77, context: 'Zürich €' });
});

test('a batch is read as it was sent', (t) => {
  const batch = { messages };

  t.deepEqual(decodeBatch(encodeBatch(batch)), batch);
  for (const message of messages) t.deepEqual(decodeMessage(encodeMessage(message)), message);
});

test('messages and fields of a later version are passed over', (t) => {
  const known = WireMessage.fromPartial({ type: MessageType.MSG_HEARTBEAT, to: 1, from: 2, term: 3 });
  const bytes = Buffer.from(WireMessage.encode(known).finish());
  // Field 15 as each kind that there is: a number of 64 bits, 8 bytes, a text, 4 bytes.
  const number = Buffer.from([0x78, ...Array(9).fill(0xff), 0x01]);
  const later = [number, Buffer.from([0x79, ...Array(8).fill(1)]), Buffer.from('z\x02hi'), Buffer.from('}abcd')];

  t.like(decodeMessage(Buffer.concat([bytes, ...later])), { type: 'MsgHeartbeat', to: 1, from: 2, term: 3 });
  t.is(decodeMessage(Buffer.from([0x08, 99])), undefined);
  t.is(decodeMessage(Buffer.concat([bytes, Buffer.from([0x3a, 2, 0x20, 99])])), undefined);
});

test('bytes that are no message are refused, wherever they break off', (t) => {
  const bytes = encodeBatch({ messages });
  const wholes = new Set([0]);
  for (const count of messages.keys()) {
    wholes.add(encodeBatch({ messages: messages.slice(0, count + 1) }).length);
  }

  for (let length = 0; length < bytes.length; length += 1) {
    if (wholes.has(length)) t.notThrows(() => decodeBatch(bytes.subarray(0, length)));
    else t.throws(() => decodeBatch(bytes.subarray(0, length)), { instanceOf: DecodeError }, `${length} bytes`);
  }
  // A term of 2^53 and a group, which this language has not.
  const tooLarge = Buffer.from([0x20, ...Array(7).fill(0x80), 0x10]);
  t.throws(() => decodeMessage(tooLarge), { instanceOf: DecodeError });
  t.throws(() => decodeMessage(Buffer.from([0x7b])), { instanceOf: DecodeError });
});
