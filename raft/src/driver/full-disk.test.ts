import { execFileSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import test from 'ava';
import { DiskFullError, StorageFailedError } from '../errors.ts';
import { type Disk, type DiskFile, realDisk } from '../storage/disk.ts';
import { DurableLog } from '../storage/durable-log.ts';
import type { DiskSpace } from '../storage/log-options.ts';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { MemoryNetwork } from '../transport/memory.ts';
import { leaderOf, openPeer, type TestPeer, until } from './cluster-for-tests.ts';
import { ManualClock } from './manual-clock-for-tests.ts';

/** The real disk; while it is full, half of what is written arrives, and then there is no room. */
class FillingDisk {
  isFull = false;
  /** Its syncs fail. */
  isBroken = false;
  /** As on disks where what is allocated can be written to when nothing more can be allocated. */
  readonly hasReserve: boolean;

  constructor(hasReserve = false) {
    this.hasReserve = hasReserve;
  }

  disk(): Disk {
    const full = () => Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    const wrap = (file: DiskFile): DiskFile => ({
      read: (position, length) => file.read(position, length),
      write: async (data, position) => {
        const isAllocated = this.hasReserve && (await file.read(position, data.length)).length === data.length;
        if (!this.isFull || isAllocated) return file.write(data, position);
        await file.write(data.subarray(0, data.length >> 1), position);
        throw full();
      },
      truncate: (length) => file.truncate(length),
      sync: async () => {
        if (this.isBroken) throw Object.assign(new Error('EIO'), { code: 'EIO' });
        await file.sync();
      },
      close: () => file.close(),
    });
    return {
      ...realDisk,
      openFile: async (path) => wrap(await realDisk.openFile(path)),
      createFile: async (path) => {
        if (this.isFull) throw full();
        return wrap(await realDisk.createFile(path));
      },
    };
  }
}

const onFatal = (error: Error) => {
  throw error;
};
const hardState = { term: 1, vote: 1, commit: 0 };
const entry = (index: number, text = `entry ${index}`) => ({ index, term: 1, data: Buffer.from(text) });

test('a save waits on a full disk, is made once there is room, and reads back whole', async (t) => {
  const directory = await temporaryDirectory();
  const filling = new FillingDisk();
  const seen: DiskSpace[] = [];
  const onSpace = (space: DiskSpace) => seen.push(space);
  const { log } = await DurableLog.open({ id: 1, directory, disk: filling.disk(), onFatal, onSpace });
  await log.save({ hardState, entries: [entry(1)] });

  filling.isFull = true;
  let isSaved = false;
  const saved = log.save({ entries: [entry(2, 'x'.repeat(5_000))] }).then(() => {
    isSaved = true;
  });
  await until(() => log.space === 'full', 'the log found the disk full');
  log.retry();
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.false(isSaved);
  filling.isFull = false;
  log.retry();
  await saved;
  await log.save({ entries: [entry(3)] });
  await log.close();

  const { log: again, recovered } = await DurableLog.open({ id: 1, directory, disk: realDisk, onFatal });
  t.deepEqual(
    recovered.entries.map(({ data }) => data.length),
    [7, 5_000, 7],
  );
  t.is(seen[0], 'full');
  t.is(seen.at(-1), 'enough');
  await again.close();
});

test('a log whose disk fails while it waits for room rejects what waits, and is at rest', async (t) => {
  const filling = new FillingDisk();
  const fatal: Error[] = [];
  const directory = await temporaryDirectory();
  const { log } = await DurableLog.open({
    ...{ id: 1, directory, disk: filling.disk(), preallocateBytes: 0 },
    onFatal: (error) => fatal.push(error),
  });
  filling.isFull = true;
  const saved = log.save({ hardState, entries: [entry(1)] });
  await until(() => log.space === 'full', 'the log found the disk full');

  filling.isFull = false;
  filling.isBroken = true;
  log.retry();
  await t.throwsAsync(saved, { instanceOf: StorageFailedError });

  // Were it busy with nothing for ever, nobody would get a turn.
  await new Promise((resolve) => setImmediate(resolve));
  await t.throwsAsync(log.save({ entries: [entry(2)] }), { instanceOf: StorageFailedError });
  t.is(fatal.length, 1);
  await log.close();
});

test('a record that found no room at first is never mixed from both attempts, whatever sectors a crash leaves', async (t) => {
  const directory = await temporaryDirectory();
  const sectorBytes = 512;
  const filling = new FillingDisk();
  /** What is on the disk for sure, and what was asked of it since. */
  let durable = Buffer.alloc(0);
  let asked: { readonly position: number; readonly data: Uint8Array }[] = [];
  const images: Buffer[] = [];
  const watched = (file: DiskFile): DiskFile => ({
    read: (position, length) => file.read(position, length),
    write(data, position) {
      asked.push({ position, data: Buffer.from(filling.isFull ? data.subarray(0, data.length >> 1) : data) });
      return file.write(data, position);
    },
    truncate: (length) => file.truncate(length),
    async sync() {
      images.push(crashed(durable, asked, sectorBytes));
      await file.sync();
      durable = Buffer.from(await file.read(0, 1_000_000));
      asked = [];
    },
    close: () => file.close(),
  });
  const disk = filling.disk();
  const openFile = async (path: string) => watched(await disk.openFile(path));
  const createFile = async (path: string) => watched(await disk.createFile(path));
  const options = { id: 1, directory, onFatal, preallocateBytes: 0 };
  const { log } = await DurableLog.open({ ...options, disk: { ...disk, openFile, createFile } });
  // The next record begins before the end of a sector, and its first half ends before it, too.
  await log.save({ hardState, entries: [entry(1, 'x'.repeat(300))] });
  filling.isFull = true;
  const saved = log.save({ entries: [entry(2, 'y'.repeat(100))] });
  await until(() => log.space === 'full', 'the log found the disk full');
  filling.isFull = false;
  images.length = 0;
  log.retry();
  await saved;
  await log.close();

  for (const image of images) {
    const copy = await temporaryDirectory();
    await writeFile(`${copy}/0000000000000001.log`, image);
    const { log: again, recovered } = await DurableLog.open({ ...options, directory: copy, disk: realDisk });
    t.deepEqual(
      recovered.entries.map(({ data }) => data.length),
      [300],
    );
    await again.close();
  }
  t.true(images.length > 1);
});

/** The power fails: of the last write the first sector is not there, and all that was asked before is. */
function crashed(
  durable: Buffer,
  asked: readonly { readonly position: number; readonly data: Uint8Array }[],
  sectorBytes: number,
): Buffer {
  const ends = asked.map(({ position, data }) => position + data.length);
  const image = Buffer.alloc(Math.max(durable.length, ...ends));
  image.set(durable);
  asked.forEach(({ position, data }, at) => {
    const isLast = at === asked.length - 1;
    const skipped = isLast ? Math.min(data.length, sectorBytes - (position % sectorBytes)) : 0;
    image.set(data.subarray(skipped), position + skipped);
  });
  return image;
}

test('what was written ahead is a reserve: the log goes on and says that it is short', async (t) => {
  const directory = await temporaryDirectory();
  const filling = new FillingDisk(true);
  const options = { id: 1, directory, disk: filling.disk(), onFatal, preallocateBytes: 4_096 };
  const { log } = await DurableLog.open(options);
  filling.isFull = true;
  let index = 1;
  for (; log.space === 'enough'; index += 1) await log.save({ hardState, entries: [entry(index)] });
  t.is(log.space, 'short');

  for (let more = 0; more < 10; more += 1, index += 1) await log.save({ entries: [entry(index)] });
  t.is(log.space, 'short');
  filling.isFull = false;
  log.retry();
  await until(() => log.space === 'enough', 'the log found room');
  await log.close();

  const { log: again, recovered } = await DurableLog.open({ ...options, disk: realDisk });
  t.is(recovered.entries.length, index - 1);
  await again.close();
});

async function openThree(directories: readonly string[], disks: readonly Disk[]): Promise<TestPeer[]> {
  const network = new MemoryNetwork();
  const peers: TestPeer[] = [];
  for (const id of [1, 2, 3]) {
    const place = { directory: directories[id - 1] ?? '', disk: disks[id - 1] ?? realDisk };
    peers.push(await openPeer(id, { ...place, transport: network.transport(), preallocateBytes: 65_536 }));
  }
  return peers;
}

/** Proposes on whoever leads, until somebody takes it. */
async function proposeSomewhere(peers: readonly TestPeer[], text: string): Promise<void> {
  for (let isDone = false; !isDone; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const leader = await leaderOf(peers);
    isDone = await leader.raft.propose(Buffer.from(text)).then(
      () => true,
      () => false,
    );
  }
}

test('a leader whose disk is full refuses writes and hands over; it answers reads and catches up later', async (t) => {
  const directory = await temporaryDirectory();
  const filling = [1, 2, 3].map(() => new FillingDisk());
  const peers = await openThree(
    [1, 2, 3].map((id) => `${directory}/${id}`),
    filling.map((each) => each.disk()),
  );
  const old = await leaderOf(peers);
  const others = peers.filter((peer) => peer !== old);
  await old.raft.propose(Buffer.from('before'));
  const disk = filling[old.raft.status().id - 1] as FillingDisk;

  disk.isFull = true;
  const lost = old.raft.propose(Buffer.from('during'), { timeoutMs: 60_000 }).catch((error) => error);
  await until(() => old.raft.status().diskSpace === 'full', 'the leader found its disk full');
  const refused = await t.throwsAsync(old.raft.propose(Buffer.from('refused')));
  t.true(refused instanceof DiskFullError || refused?.name === 'NotLeaderError');
  const next = await leaderOf(others);
  await old.raft.readIndex().catch(() => undefined);
  await next.raft.propose(Buffer.from('after'));
  await lost;
  t.not(old.raft.status().role, 'leader');

  disk.isFull = false;
  await until(() => old.journal.commands.includes('after'), 'the peer caught up');
  t.false(old.journal.commands.includes('refused'));
  t.deepEqual(old.journal.commands, next.journal.commands);
  for (const { raft } of peers) await raft.close();
});

test('a follower whose disk is full answers linearizable reads of what it has, and can be closed', async (t) => {
  const directory = await temporaryDirectory();
  const filling = [1, 2, 3].map(() => new FillingDisk());
  const peers = await openThree(
    [1, 2, 3].map((id) => `${directory}/${id}`),
    filling.map((each) => each.disk()),
  );
  const leader = await leaderOf(peers);
  const follower = peers.find((peer) => peer !== leader) as TestPeer;
  const { index } = await leader.raft.propose(Buffer.from('a'));
  await until(() => follower.raft.status().appliedIndex === index, 'the follower has it');
  const third = peers.find((peer) => peer !== leader && peer !== follower) as TestPeer;
  for (const peer of [follower, third]) (filling[peer.raft.status().id - 1] as FillingDisk).isFull = true;

  // Two disks are full, so this is not committed, and the reads need not wait for it.
  const waiting = leader.raft.propose(Buffer.from('b'), { timeoutMs: 1 }).catch(() => undefined);
  await until(() => follower.raft.status().diskSpace === 'full', 'the follower found its disk full');
  t.is(await follower.raft.readIndex(), index);

  await waiting;
  for (const { raft } of peers) await raft.close();
});

test('a leader whose disk is full leaves an idle session for later', async (t) => {
  const [directory, filling, clock] = [await temporaryDirectory(), new FillingDisk(), new ManualClock()];
  const { raft } = await openPeer(1, {
    ...{ directory, clock, peers: [{ id: 1, address: '' }], disk: filling.disk() },
    ...{ transport: new MemoryNetwork().transport(), preallocateBytes: 0, sessionTimeoutMs: 2_000 },
    electionTicks: 2,
  });
  const electionMs = 500;
  await until(() => raft.status().isEstablishedLeader, 'it leads');
  const { id } = await raft.openSession();
  clock.tick(electionMs);
  filling.isFull = true;
  const lost = raft.propose(Buffer.from('during')).catch(() => undefined);
  await until(() => raft.status().diskSpace === 'full', 'it found its disk full');

  for (let ms = 0; ms < 8_000; ms += electionMs) clock.tick(electionMs);
  t.is(raft.status().role, 'leader');

  filling.isFull = false;
  await until(() => {
    clock.tick(electionMs);
    return raft.status().diskSpace === 'enough';
  }, 'there is room');
  await lost;
  await until(() => {
    clock.tick(electionMs);
    const sessions = raft.metrics().find(({ name }) => name.endsWith('sessions'));
    return sessions?.samples[0]?.value === 0;
  }, `session ${id} has expired`);
  await raft.close();
});

const isRoot = process.getuid?.() === 0;
(isRoot ? test : test.skip)(
  'on a real disk that fills up, the others go on, and the peer is back when there is room (needs root)',
  async (t) => {
    const directory = await temporaryDirectory();
    await realDisk.makeDirectory(`${directory}/small`);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', `${directory}/small`], { stdio: 'pipe' });
    } catch (error) {
      t.log(`skipped: tmpfs cannot be mounted: ${(error as Error).message}`);
      t.pass();
      return;
    }
    try {
      const peers = await openThree(
        [1, 2, 3].map((id) => (id === 1 ? `${directory}/small/1` : `${directory}/${id}`)),
        [],
      );
      const small = peers[0] as TestPeer;
      await leaderOf(peers);
      await until(() => small.raft.status().leaderId !== undefined, 'all know the leader');
      const filler = `${directory}/small/filler`;
      await writeFile(filler, Buffer.alloc(1024 * 1024)).catch(() => undefined);

      for (let at = 0; small.raft.status().diskSpace === 'enough'; at += 1)
        await proposeSomewhere(peers, `${at} ${'x'.repeat(9_000)}`);
      await until(() => small.raft.status().role !== 'leader', 'another leads');
      await proposeSomewhere(peers, 'while it is full');
      await rm(filler);

      await until(() => small.journal.commands.includes('while it is full'), 'the peer caught up');
      await until(() => small.raft.status().diskSpace === 'enough', 'there is room');
      for (const { raft } of peers) await raft.close();
      t.pass();
    } finally {
      execFileSync('umount', [`${directory}/small`]);
    }
  },
);
