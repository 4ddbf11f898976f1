import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Entry } from '../core/messages.ts';
import { LogDamagedError } from '../errors.ts';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { realDisk } from './disk.ts';
import { DurableLog } from './durable-log.ts';

const hardState = { term: 1, vote: 2, commit: 0 };

function open(directory: string) {
  const onFatal = (error: Error) => {
    throw error;
  };
  return DurableLog.open({ id: 1, directory, disk: realDisk, onFatal, preallocateBytes: 8_192 });
}

function entry(index: number, text = `entry ${index}`): Entry {
  return { index, term: 1, data: Buffer.from(text) };
}

async function reread(directory: string): Promise<string[]> {
  const { log, recovered } = await open(directory);
  await log.close();
  return recovered.entries.map(({ data }) => Buffer.from(data).toString());
}

test('a log that is written ahead reads back, and its last record is told torn from decayed', async (t) => {
  const directory = await temporaryDirectory();
  const { log } = await open(directory);
  await log.save({ hardState, entries: [entry(1)] });
  const name = (await readdir(directory)).find((file) => file.endsWith('.log')) as string;
  const path = join(directory, name);
  const { length } = await readFile(path);
  await log.save({ entries: [entry(2, 'x'.repeat(1_500))] });
  await log.close();
  const content = await readFile(path);
  const end = content.findLastIndex((byte) => byte !== 0) + 1;
  const begin = end - 1_500 - 21 - 16;

  // What changes no length needs no more than its own sync.
  t.is(content.length, length);
  t.is((await reread(directory)).length, 2);
  // Any missing sector, or a missing end, is what a crash leaves; and is cut off for good.
  for (const missing of [
    [begin, end],
    [1_024, 1_536],
    [end - 1, end],
    [begin + 700, end],
  ] as const) {
    await writeFile(path, Buffer.from(content).fill(0, ...missing));
    t.deepEqual(await reread(directory), ['entry 1'], `missing ${missing}`);
    // Where nothing at all is missing, what was written ahead stays.
    t.is((await readFile(path)).length, missing[0] === begin ? length : begin);
  }
  // Nothing is missing here: it was durable once, and perhaps acknowledged.
  for (const at of [begin, begin + 9, begin + 700, end - 1]) {
    const flipped = Buffer.from(content);
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    await writeFile(path, flipped);
    const error = await t.throwsAsync(open(directory), { instanceOf: LogDamagedError }, `bit at ${at}`);
    t.is(error?.offset, begin);
  }
});
