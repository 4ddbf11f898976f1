// Which cluster a directory belongs to. It is written when a cluster is recovered, or when its owner names it, and tells
// apart those who were one cluster before.
import { join } from 'node:path';
import { LogDamagedError, WrongClusterError } from '../errors.ts';
import { type Disk, syncOrFail } from './disk.ts';
import { temporarySuffix } from './snapshot-file.ts';

const name = 'cluster';
/** Characters of an id: it travels in a header. */
const pattern = /^[\w.:-]{1,64}$/;

export async function writeClusterId(disk: Disk, directory: string, clusterId: string): Promise<void> {
  if (!pattern.test(clusterId)) throw new TypeError(`${clusterId} is no cluster id: 1 to 64 of letters, digits, .:_-`);
  const path = join(directory, name);
  const file = await disk.createFile(path + temporarySuffix);
  await file.write(Buffer.from(`${clusterId}\n`), 0);
  await syncOrFail(file);
  await file.close();
  await disk.rename(path + temporarySuffix, path);
  await disk.syncDirectory(directory);
}

/** The id of this directory's cluster; empty when it was never named. Throws LogDamagedError. */
export async function readClusterId(disk: Disk, directory: string): Promise<string> {
  if (!(await disk.list(directory)).includes(name)) return '';
  const path = join(directory, name);
  const id = Buffer.from(await disk.readFile(path))
    .toString()
    .trimEnd();
  if (!pattern.test(id)) throw new LogDamagedError(path, 0, 'this is no cluster id');
  return id;
}

/**
 * The id that counts: the directory's, which gets the owner's when it has none. Throws WrongClusterError when both have
 * one and they differ.
 */
export async function settleClusterId(disk: Disk, directory: string, wanted: string | undefined): Promise<string> {
  const found = await readClusterId(disk, directory);
  if (wanted === undefined || wanted === found) return found;
  if (found !== '') throw new WrongClusterError(directory, found, wanted);
  await writeClusterId(disk, directory, wanted);
  return wanted;
}
