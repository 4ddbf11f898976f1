import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import test from 'ava';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { type Disk, realDisk } from './disk.ts';
import { writeSnapshot } from './snapshot-file.ts';

test('a snapshot for which there was no room is gone for good before another one takes its name', async (t) => {
  const directory = await temporaryDirectory();
  const done: string[] = [];
  let isFull = true;
  const disk: Disk = {
    ...realDisk,
    createFile: async (path) => {
      done.push(`create ${basename(path)}`);
      const file = await realDisk.createFile(path);
      return {
        read: (...args) => file.read(...args),
        write: async (data, position) => {
          if (isFull) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
          await file.write(data, position);
        },
        truncate: (length) => file.truncate(length),
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
    remove: async (path) => {
      done.push(`remove ${basename(path)}`);
      await realDisk.remove(path);
    },
    syncDirectory: async (path) => {
      done.push('sync names');
      await realDisk.syncDirectory(path);
    },
  };
  const snapshot = { metadata: { index: 7, term: 2 }, data: Buffer.from('state') };

  await t.throwsAsync(writeSnapshot(disk, directory, snapshot), { code: 'ENOSPC' });
  isFull = false;
  await writeSnapshot(disk, directory, snapshot);

  const name = '0000000000000007.snapshot';
  const temporary = `${name}.temporary`;
  t.deepEqual(done, [`create ${temporary}`, `remove ${temporary}`, 'sync names', `create ${temporary}`, 'sync names']);
  t.deepEqual(await readdir(directory), [name]);
});
