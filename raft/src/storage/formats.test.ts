import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import test from 'ava';
import { decodeConfChange, encodeConfChange } from '../core/conf-change.ts';
import { makeMessage } from '../core/messages.ts';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { decodeMessage, encodeMessage } from '../transport/wire.ts';
import { realDisk } from './disk.ts';
import { decodeFrame, encodeFrame } from './record.ts';
import { readNewestSnapshot, writeSnapshot } from './snapshot-file.ts';

const confState = { voters: [1, 2], votersOutgoing: [1, 3], learners: [], learnersNext: [3], autoLeave: true };
const change = {
  version: 2,
  transition: 'joint-implicit',
  changes: [
    { type: 'AddNode', nodeId: 300 },
    { type: 'AddLearnerNode', nodeId: 3 },
  ],
} as const;

test('a change of membership reads back as it was written, in both versions', (t) => {
  const single = { version: 1, type: 'RemoveNode', nodeId: 7, context: Uint8Array.from(Buffer.from('why')) } as const;

  t.deepEqual(decodeConfChange(encodeConfChange(change)), change);
  t.deepEqual(decodeConfChange(encodeConfChange(single)), single);
  // The bytes that raftpb makes of the same: tags 1 to 4, in order.
  t.is(Buffer.from(encodeConfChange(single).data).toString('hex'), '0800100118072203776879');
});

test('an entry keeps its type on the disk', (t) => {
  const entries = [
    { index: 1, term: 1, data: Buffer.from('a') },
    { index: 2, term: 1, ...encodeConfChange(change) },
  ];

  const frame = decodeFrame(encodeFrame(5, { entries }), 0, 5);

  t.is(frame?.entries[0]?.type, undefined);
  t.is(frame?.entries[1]?.type, 'EntryConfChangeV2');
});

test('a snapshot keeps its membership on the disk', async (t) => {
  const folder = await temporaryDirectory();
  const snapshot = { metadata: { index: 9, term: 2, confState }, data: Buffer.from('state') };

  await writeSnapshot(realDisk, folder, snapshot);
  const read = await readNewestSnapshot(realDisk, folder);

  t.deepEqual(read?.metadata, snapshot.metadata);
  t.is(Buffer.from(read?.data ?? []).toString(), 'state');
});

test('a snapshot from before memberships could change is still read', async (t) => {
  const folder = await temporaryDirectory();
  const data = Buffer.from('state');
  const header = Buffer.alloc(36);
  header.set(Buffer.from('RAFTSNP1'));
  header.writeBigUInt64LE(9n, 8);
  header.writeBigUInt64LE(2n, 16);
  header.writeBigUInt64LE(BigInt(data.length), 24);
  header.writeUInt32LE(crc32(data, crc32(header.subarray(0, 32))), 32);
  await writeFile(join(folder, '0000000000000009.snapshot'), Buffer.concat([header, data]));

  const read = await readNewestSnapshot(realDisk, folder);

  t.deepEqual(read?.metadata, { index: 9, term: 2 });
  t.is(Buffer.from(read?.data ?? []).toString(), 'state');
});

test('a message keeps entry types, membership and priority on the wire', (t) => {
  const entries = [{ index: 2, term: 1, ...encodeConfChange(change) }];
  const snapshot = { metadata: { index: 9, term: 2, confState }, data: Buffer.from('state') };
  const messages = [
    makeMessage('MsgApp', 2, { from: 1, term: 1, entries }),
    makeMessage('MsgSnap', 2, { from: 1, term: 1, snapshot }),
    makeMessage('MsgVote', 2, { from: 1, term: 1, priority: 3 }),
    makeMessage('MsgTimeoutNow', 2, { from: 1, term: 1 }),
  ];

  const travelled = messages.map((message) => decodeMessage(encodeMessage(message)));

  t.is(travelled[0]?.entries[0]?.type, 'EntryConfChangeV2');
  t.deepEqual(travelled[1]?.snapshot?.metadata.confState, confState);
  t.is(travelled[2]?.priority, 3);
  t.is(travelled[3]?.type, 'MsgTimeoutNow');
});
