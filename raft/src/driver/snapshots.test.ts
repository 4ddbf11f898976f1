// A real peer that a stand-in for the leader sends a snapshot over real gRPC, piece by piece.
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { ChannelCredentials, Server, ServerCredentials } from '@grpc/grpc-js';
import test from 'ava';
import { makeMessage, type Snapshot } from '../core/messages.ts';
import { type Disk, realDisk } from '../storage/disk.ts';
import { DurableLog } from '../storage/durable-log.ts';
import { PartialSnapshot, SnapshotBrokenError } from '../storage/partial-snapshot.ts';
import type { SnapshotSource } from '../storage/snapshot-file.ts';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { GrpcTransport } from '../transport/grpc.ts';
import { chunkBytes, windowBytes } from '../transport/snapshot-call.ts';
import type { TransportStart } from '../transport/transport.ts';
import { openPeer, until } from './cluster-for-tests.ts';
import type { RaftOptions } from './options.ts';

const confState = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
/** Eight pieces and a bit, none like another. */
const commands = Array.from({ length: 8 }, (_, at) => createHash('sha512').update(`${at}`).digest('hex').repeat(8_200));
const snapshot: Snapshot = {
  metadata: { index: 50, term: 3, confState },
  data: Buffer.from(JSON.stringify(commands)),
};

async function listen(): Promise<{ transport: GrpcTransport; server: Server; port: number }> {
  const server = new Server();
  const transport = new GrpcTransport({ credentials: ChannelCredentials.createInsecure(), authorize: () => true });
  transport.addTo(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    );
  });
  return { transport, server, port };
}

/** The leader's half: its transport, and its snapshot's file. */
async function makeSender() {
  const { log } = await DurableLog.open({
    ...{ id: 1, directory: await temporaryDirectory(), disk: realDisk },
    onFatal: (error) => {
      throw error;
    },
  });
  await log.saveSnapshot(snapshot);
  return {
    close: () => log.close(),
    async send(
      port: number,
      change: (source: SnapshotSource) => Partial<SnapshotSource> = () => ({}),
      signal?: AbortSignal,
    ) {
      const transport = new GrpcTransport({ credentials: ChannelCredentials.createInsecure(), authorize: () => true });
      const peers = [1, 2].map((id) => ({ id, address: `127.0.0.1:${port}` }));
      transport.start({ id: 1, peers, receive: () => undefined });
      const source = (await log.openSnapshot()) as SnapshotSource;
      let bytesRead = 0;
      const read = async (offset: number, length: number) => {
        bytesRead += length;
        return source.read(offset, length);
      };
      const message = makeMessage('MsgSnap', 2, {
        ...{ from: 1, term: 3 },
        snapshot: { metadata: source.metadata, data: new Uint8Array(0) },
      });
      const counted = { ...source, read };
      const error = await transport
        .sendSnapshot(message, { ...counted, ...change(counted) }, signal ?? new AbortController().signal)
        .then(() => undefined)
        .catch((reason: Error) => reason);
      await source.close();
      await transport.close();
      return { error, bytesRead, bytes: source.bytes };
    },
  };
}

async function openReceiver(directory: string, options: Partial<RaftOptions> = {}) {
  const { transport, server, port } = await listen();
  const peers = [1, 2].map((id) => ({ id, address: '127.0.0.1:1' }));
  const { raft, journal } = await openPeer(2, { directory, peers, transport, ...options });
  const close = async () => {
    await raft.close();
    server.forceShutdown();
  };
  return { raft, journal, port, close };
}

async function partialsIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.partial'));
}

test('a snapshot that is cut in the middle goes on where the disk is, also after a restart of the receiver', async (t) => {
  const [sender, directory] = [await makeSender(), await temporaryDirectory()];
  const before = await openReceiver(directory);
  const cut = await sender.send(before.port, ({ read }) => ({
    read: (offset, length) => (offset > 5 * chunkBytes ? Promise.reject(new Error('cut')) : read(offset, length)),
  }));
  t.regex(String(cut.error), /cut/);
  await until(() => before.raft.status().term >= 0, 'the peer lives');
  await before.close();
  t.is((await partialsIn(directory)).length, 1);

  const after = await openReceiver(directory);
  const rest = await sender.send(after.port);
  await until(() => after.raft.status().appliedIndex === 50, 'the peer has the snapshot');

  t.is(rest.error, undefined);
  t.true(rest.bytesRead <= rest.bytes - 2 * chunkBytes, `${rest.bytesRead} of ${rest.bytes} bytes sent again`);
  t.deepEqual(after.journal.commands, commands);
  t.deepEqual(await partialsIn(directory), []);
  await after.close();

  const again = await openReceiver(directory);
  t.deepEqual(again.journal.commands, commands);
  await again.close();
  await sender.close();
});

test('a peer ends that cannot make durable what is left of a snapshot, and does not count on it', async (t) => {
  const [sender, directory] = [await makeSender(), await temporaryDirectory()];
  const before = await openReceiver(directory);
  await sender.send(before.port, ({ read }) => ({
    read: (offset, length) => (offset > 5 * chunkBytes ? Promise.reject(new Error('cut')) : read(offset, length)),
  }));
  await before.close();
  let fatal: Error | undefined;
  const failing: Disk = {
    ...realDisk,
    openFile: async (path) => {
      const file = await realDisk.openFile(path);
      if (!path.endsWith('.partial')) return file;
      const sync = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }));
      const read = (position: number, length: number) => file.read(position, length);
      return { ...file, read, sync, close: () => file.close() };
    },
  };
  const end = new AbortController();
  const onFatal = (error: Error) => {
    fatal = error;
    end.abort();
  };
  const after = await openReceiver(directory, { disk: failing, onFatal });

  const refused = await sender.send(after.port, undefined, end.signal);

  t.truthy(refused.error);
  t.is(fatal?.name, 'StorageFailedError');
  await after.close().catch(() => undefined);
  await sender.close();
});

test('a snapshot with a flipped byte is never installed, and is sent anew from the beginning', async (t) => {
  const [sender, directory] = [await makeSender(), await temporaryDirectory()];
  const receiver = await openReceiver(directory);

  const broken = await sender.send(receiver.port, ({ read }) => ({
    read: async (offset, length) => {
      const piece = await read(offset, length);
      if (offset === 2 * chunkBytes) piece[77] = (piece[77] ?? 0) ^ 1;
      return piece;
    },
  }));
  t.regex(String(broken.error), /are not those that were offered/);
  t.is(receiver.raft.status().appliedIndex, 0);
  t.deepEqual(await partialsIn(directory), []);

  const whole = await sender.send(receiver.port);
  await until(() => receiver.raft.status().appliedIndex === 50, 'the peer has the snapshot');
  t.is(whole.bytesRead, whole.bytes);
  t.deepEqual(receiver.journal.commands, commands);
  await receiver.close();
  await sender.close();
});

test('a piece that has changed on its way is refused, and what came before it stays', async (t) => {
  const directory = await temporaryDirectory();
  const key = { index: 5, term: 1, bytes: 18, crc32c: 1 };
  const partial = await PartialSnapshot.open(realDisk, directory, key);
  await partial.write(0, Buffer.from('123456789'), 0xe3069283);
  await partial.sync();

  await t.throwsAsync(partial.write(9, Buffer.from('123456780'), 0xe3069283), { instanceOf: SnapshotBrokenError });
  await t.throwsAsync(partial.write(0, Buffer.from('123456789'), 0xe3069283), { instanceOf: SnapshotBrokenError });
  await partial.close();

  const again = await PartialSnapshot.open(realDisk, directory, key);
  t.is(again.durableBytes, 9);
  await again.close();
  // Whoever offers another one makes the first an abandoned one.
  await (await PartialSnapshot.open(realDisk, directory, { ...key, index: 6 })).close();
  t.deepEqual(await partialsIn(directory), ['6-1-18-1.partial']);
});

test('a sender reads no more than the receiver has room for', async (t) => {
  const sender = await makeSender();
  const { transport, server, port } = await listen();
  const receiveSnapshot: TransportStart['receiveSnapshot'] = async () => ({
    ...{ durableBytes: 0, hasAll: false, write: () => new Promise<void>(() => undefined) },
    ...{ finish: async () => t.fail(), close: async () => undefined },
  });
  transport.start({ id: 2, peers: [{ id: 1, address: '127.0.0.1:1' }], receive: () => undefined, receiveSnapshot });
  const end = new AbortController();
  let bytesRead = 0;

  const sending = sender.send(
    port,
    ({ read }) => ({
      read: (offset, length) => {
        bytesRead += length;
        return read(offset, length);
      },
    }),
    end.signal,
  );
  await until(() => bytesRead >= windowBytes, 'the window is full');
  await new Promise((resolve) => setTimeout(resolve, 100));
  end.abort();

  t.truthy((await sending).error);
  t.is(bytesRead, windowBytes);
  await transport.close();
  server.forceShutdown();
  await sender.close();
});
