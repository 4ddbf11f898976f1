import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Entry } from '../core/messages.ts';
import { DirectoryLockedError, LogDamagedError, StorageFailedError } from '../errors.ts';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { type Disk, realDisk } from './disk.ts';
import { DurableLog } from './durable-log.ts';
import type { DurableLogOptions } from './log-options.ts';

const hardState = { term: 1, vote: 2, commit: 0 };

function open(directory: string, options: Partial<DurableLogOptions> = {}) {
  const onFatal = (error: Error) => {
    throw error;
  };
  return DurableLog.open({ id: 1, directory, disk: realDisk, onFatal, preallocateBytes: 0, ...options });
}

function entry(index: number, term = 1, text = `entry ${index}`): Entry {
  return { index, term, data: Buffer.from(text) };
}

function describe(entries: readonly Entry[]): string[] {
  return entries.map(({ index, term, data }) => `${index}/${term} ${Buffer.from(data)}`);
}

/** Reopens and returns what is there. */
async function reread(directory: string) {
  const { log, recovered } = await open(directory);
  await log.close();
  return recovered;
}

async function segmentsOf(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  return names.sort().map((name) => join(directory, name));
}

test('what was saved is there after a restart, later entries in place of those they replace', async (t) => {
  const directory = await temporaryDirectory();
  const { log } = await open(directory);
  await log.save({ hardState, entries: [entry(1), entry(2), entry(3)] });
  await log.save({ hardState: { term: 2, vote: 3, commit: 1 }, entries: [entry(2, 2, 'other')] });
  log.noteCommit({ term: 2, vote: 3, commit: 2 });
  await log.close();

  const recovered = await reread(directory);

  t.deepEqual(describe(recovered.entries), ['1/1 entry 1', '2/2 other']);
  t.deepEqual(recovered.hardState, { term: 2, vote: 3, commit: 2 });
});

test('a last record torn at any byte is cut off, and the log goes on from there', async (t) => {
  const directory = await temporaryDirectory();
  const { log } = await open(directory);
  await log.save({ hardState, entries: [entry(1)] });
  const [path] = (await segmentsOf(directory)) as [string];
  const whole = (await readFile(path)).length;
  await log.save({ entries: [entry(2)] });
  await log.close();
  const content = await readFile(path);

  for (let length = whole; length < content.length; length += 1) {
    for (const torn of [content.subarray(0, length), zeroedFrom(content, length)]) {
      await writeFile(path, torn);
      t.deepEqual(describe((await reread(directory)).entries), ['1/1 entry 1'], `torn at ${length}`);
      // Nothing but zeros may have been written ahead, and stays.
      if (length > whole) t.is((await readFile(path)).length, whole);
    }
  }

  const { log: again } = await open(directory);
  await again.save({ entries: [entry(2, 1, 'again')] });
  await again.close();
  t.deepEqual(describe((await reread(directory)).entries), ['1/1 entry 1', '2/1 again']);
});

/** As a file system leaves it that made the file longer and did not write the data. */
function zeroedFrom(content: Buffer, length: number): Buffer {
  const copy = Buffer.from(content);
  copy.fill(0, length);
  return copy;
}

test('the last record is written and synced again at the next start, for its own sync may have failed', async (t) => {
  const directory = await temporaryDirectory();
  const { log } = await open(directory);
  const [path] = (await segmentsOf(directory)) as [string];
  await log.save({ hardState, entries: [entry(1)] });
  const offset = (await readFile(path)).length;
  await log.save({ entries: [entry(2)] });
  await log.close();
  const content = await readFile(path);
  const asked: string[] = [];
  const disk: Disk = {
    ...realDisk,
    async openFile(name) {
      const file = await realDisk.openFile(name);
      return {
        read: (position, length) => file.read(position, length),
        write(data, position) {
          const isSame = content.subarray(position, position + data.length).equals(data);
          asked.push(`write ${data.length} at ${position}${isSame ? '' : ' of something else'}`);
          return file.write(data, position);
        },
        truncate: (length) => file.truncate(length),
        sync() {
          asked.push('sync');
          return file.sync();
        },
        close: () => file.close(),
      };
    },
  };

  const { log: again } = await open(directory, { disk });
  await again.close();

  t.deepEqual(asked.slice(0, 2), [`write ${content.length - offset} at ${offset}`, 'sync']);
});

test('a flipped bit before the last record is refused, with file and offset', async (t) => {
  const directory = await temporaryDirectory();
  const { log } = await open(directory);
  const [path] = (await segmentsOf(directory)) as [string];
  const offset = (await readFile(path)).length;
  await log.save({ hardState, entries: [entry(1)] });
  const end = (await readFile(path)).length;
  await log.save({ entries: [entry(2)] });
  await log.close();
  const content = await readFile(path);

  for (let at = offset; at < end; at += 1) {
    const flipped = Buffer.from(content);
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    await writeFile(path, flipped);
    const error = await t.throwsAsync(open(directory), { instanceOf: LogDamagedError }, `bit at ${at}`);
    t.is(error?.file, path);
    t.is(error?.offset, offset);
  }
});

test('a segment that ends early is refused unless it is the last', async (t) => {
  const directory = await temporaryDirectory();
  const { log } = await open(directory, { segmentBytes: 100 });
  for (let index = 1; index <= 6; index += 1) await log.save({ hardState, entries: [entry(index)] });
  await log.close();
  const [first] = (await segmentsOf(directory)) as [string];
  t.true((await segmentsOf(directory)).length > 2);

  await truncate(first, (await readFile(first)).length - 1);

  await t.throwsAsync(open(directory), { instanceOf: LogDamagedError });
});

test('compaction deletes the segments that the snapshot covers, and a restart begins at the snapshot', async (t) => {
  const directory = await temporaryDirectory();
  const { log } = await open(directory, { segmentBytes: 100 });
  for (let index = 1; index <= 20; index += 1) await log.save({ hardState, entries: [entry(index)] });
  const before = (await segmentsOf(directory)).length;
  await log.saveSnapshot({ metadata: { index: 15, term: 1 }, data: Buffer.from('state') });
  await log.compact();
  await log.close();

  const recovered = await reread(directory);

  t.true((await segmentsOf(directory)).length < before / 2);
  t.deepEqual(recovered.snapshot?.metadata, { index: 15, term: 1 });
  t.is(Buffer.from(recovered.snapshot?.data ?? []).toString(), 'state');
  t.deepEqual(
    recovered.entries.map(({ index }) => index),
    [16, 17, 18, 19, 20],
  );
});

test('a snapshot from the leader replaces a log that conflicts with it, also when a crash comes between', async (t) => {
  for (const isReset of [true, false]) {
    const directory = await temporaryDirectory();
    const { log } = await open(directory);
    await log.save({ hardState, entries: [1, 2, 3, 4, 5].map((index) => entry(index)) });
    const metadata = { index: 3, term: 2 };
    await log.saveSnapshot({ metadata, data: Buffer.from('state') });
    if (isReset) await log.save({ reset: metadata, hardState: { term: 2, vote: 0, commit: 3 }, entries: [] });
    await log.close();

    const { log: again, recovered } = await open(directory);
    await again.save({ entries: [entry(4, 2, 'new')] });
    await again.close();

    t.deepEqual(recovered.entries, []);
    t.is(recovered.hardState.commit, 3);
    t.deepEqual(describe((await reread(directory)).entries), ['4/2 new']);
  }
});

test('a snapshot that does not read back as it was written is refused', async (t) => {
  const directory = await temporaryDirectory();
  const { log } = await open(directory);
  await log.save({ hardState, entries: [entry(1)] });
  await log.saveSnapshot({ metadata: { index: 1, term: 1 }, data: Buffer.from('state') });
  await log.close();
  const name = (await readdir(directory)).find((file) => file.endsWith('.snapshot')) as string;
  const content = await readFile(join(directory, name));
  content[content.length - 1] = 0;
  await writeFile(join(directory, name), content);

  await t.throwsAsync(open(directory), { instanceOf: LogDamagedError });
});

/** The real disk, on which from some moment on `operation` fails once. */
function failingDisk(operation: 'write' | 'sync'): { disk: Disk; fail: () => void; attempts: () => number } {
  let mustFail = false;
  let attempts = 0;
  const createFile: Disk['createFile'] = async (path) => {
    const file = await realDisk.createFile(path);
    const real = file[operation].bind(file) as (...args: unknown[]) => Promise<void>;
    const failing = async (...args: unknown[]) => {
      attempts += 1;
      if (!mustFail) return real(...args);
      mustFail = false;
      throw new Error('EIO');
    };
    return Object.assign(file, { [operation]: failing });
  };
  const fail = () => {
    mustFail = true;
    attempts = 0;
  };
  return { disk: { ...realDisk, createFile }, fail, attempts: () => attempts };
}

for (const operation of ['write', 'sync'] as const) {
  test(`after a failed ${operation} nothing is tried again and the owner is told once`, async (t) => {
    const fatal: Error[] = [];
    const { disk, fail, attempts } = failingDisk(operation);
    const directory = await temporaryDirectory();
    const { log } = await open(directory, { disk, onFatal: (error) => fatal.push(error) });
    await log.save({ hardState, entries: [entry(1)] });

    fail();
    const results = await Promise.allSettled([log.save({ entries: [entry(2)] }), log.save({ entries: [entry(3)] })]);
    await t.throwsAsync(log.save({ entries: [entry(4)] }), { instanceOf: StorageFailedError });
    await t.throwsAsync(log.saveSnapshot({ metadata: { index: 1, term: 1 }, data: Buffer.from('') }));

    t.true(results.every(({ status }) => status === 'rejected'));
    t.is(fatal.length, 1);
    t.is(attempts(), 1);
    await log.close();
  });
}

test('what waits while the disk is busy becomes durable with one sync', async (t) => {
  let syncs = 0;
  const createFile: Disk['createFile'] = async (path) => {
    const file = await realDisk.createFile(path);
    const sync = file.sync.bind(file);
    return Object.assign(file, {
      sync: () => {
        syncs += 1;
        return sync();
      },
    });
  };
  const directory = await temporaryDirectory();
  const { log } = await open(directory, { disk: { ...realDisk, createFile } });
  syncs = 0;

  await Promise.all(Array.from({ length: 100 }, (_, at) => log.save({ entries: [entry(at + 1)] })));
  await log.close();

  t.true(syncs <= 2, `${syncs} syncs`);
  t.is((await reread(directory)).entries.length, 100);
});

test('what a restart reads is made durable before anything is built on it', async (t) => {
  const directory = await temporaryDirectory();
  const { log } = await open(directory);
  await log.save({ hardState, entries: [entry(1)] });
  await log.close();
  const synced: string[] = [];
  const openFile: Disk['openFile'] = async (path) => {
    const file = await realDisk.openFile(path);
    const sync = file.sync.bind(file);
    return Object.assign(file, { sync: () => sync().then(() => synced.push(path)) });
  };
  const syncDirectory: Disk['syncDirectory'] = (path) =>
    realDisk.syncDirectory(path).then(() => {
      synced.push(path);
    });

  const { log: again } = await open(directory, { disk: { ...realDisk, openFile, syncDirectory } });

  t.deepEqual(synced, [...(await segmentsOf(directory)), directory]);
  await again.close();
});

test('a directory that is open is refused a second time, and free after a close', async (t) => {
  const directory = await temporaryDirectory();
  const { log } = await open(directory);

  await t.throwsAsync(open(directory), { instanceOf: DirectoryLockedError });
  await log.close();

  await t.notThrowsAsync(reread(directory));
});

test('a lock of a living process is kept, one of a process that ended is taken over', async (t) => {
  const directory = await temporaryDirectory();
  const lock = join(directory, 'lock');
  await writeFile(lock, JSON.stringify({ pid: process.ppid, started: '' }));
  await t.throwsAsync(open(directory), { instanceOf: DirectoryLockedError });

  // The pid is in use, as it is in a container that starts again, but by a process that began at another time.
  for (const holder of [
    { pid: process.pid, started: 'boot 1' },
    { pid: 2 ** 22 + 1, started: '' },
  ]) {
    await writeFile(lock, JSON.stringify(holder));
    await t.notThrowsAsync(reread(directory));
  }
});

test('a log of another peer is refused', async (t) => {
  const directory = await temporaryDirectory();
  await reread(directory);

  await t.throwsAsync(open(directory, { id: 2 }), { instanceOf: LogDamagedError });
});

/** Runs the writer until it has acknowledged `count` entries, kills it, and returns the last index it told. */
async function killWriterAfter(directory: string, count: number): Promise<number> {
  const script = fileURLToPath(new URL('./writer-for-tests.js', import.meta.url));
  const writer = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  let last = 0;
  let told = 0;
  for await (const line of createInterface({ input: writer.stdout })) {
    last = Number(line);
    told += 1;
    if (told === count) writer.kill('SIGKILL');
  }
  if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit');
  return last;
}

test('what was acknowledged is there after the process is killed, and its lock holds nobody up', async (t) => {
  const directory = await temporaryDirectory();

  for (const count of [150, 1, 40]) {
    const last = await killWriterAfter(directory, count);
    const indexes = (await reread(directory)).entries.map(({ index }) => index);
    t.true(indexes.length >= last);
    t.deepEqual(
      indexes,
      indexes.map((_, at) => at + 1),
    );
  }
});
