// Snapshots on disk: one file each, written under a temporary name and renamed when it is durable, so that a name
// that ends in `.snapshot` always has all of its content. Only the newest is kept.
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Snapshot } from '../core/messages.ts';
import { LogDamagedError } from '../errors.ts';
import type { Disk } from './disk.ts';

/** Magic (8), index (8), term (8), length of the data (8), crc32 of all the rest (4). */
const headerBytes = 36;
const magic = Buffer.from('RAFTSNP1');
const suffix = '.snapshot';
export const temporarySuffix = '.temporary';

export function isSnapshotName(name: string): boolean {
  return name.endsWith(suffix);
}

function nameOf(index: number): string {
  return `${String(index).padStart(16, '0')}${suffix}`;
}

export async function writeSnapshot(disk: Disk, directory: string, snapshot: Snapshot): Promise<void> {
  const { metadata, data } = snapshot;
  const header = Buffer.alloc(headerBytes);
  header.set(magic);
  header.writeBigUInt64LE(BigInt(metadata.index), 8);
  header.writeBigUInt64LE(BigInt(metadata.term), 16);
  header.writeBigUInt64LE(BigInt(data.length), 24);
  header.writeUInt32LE(crc32(data, crc32(header.subarray(0, 32))), 32);

  const path = join(directory, nameOf(metadata.index));
  const file = await disk.createFile(path + temporarySuffix);
  await file.write(header, 0);
  await file.write(data, headerBytes);
  await file.sync();
  await file.close();
  await disk.rename(path + temporarySuffix, path);
  await disk.syncDirectory(directory);
}

/** Removes every snapshot older than the one with this index. */
export async function removeOlderSnapshots(disk: Disk, directory: string, index: number): Promise<void> {
  const older = (await disk.list(directory)).filter((name) => isSnapshotName(name) && name < nameOf(index));
  for (const name of older) await disk.remove(join(directory, name));
  if (older.length > 0) await disk.syncDirectory(directory);
}

/** The newest snapshot, or undefined when there is none. Throws LogDamagedError. */
export async function readNewestSnapshot(disk: Disk, directory: string): Promise<Snapshot | undefined> {
  const newest = (await disk.list(directory)).filter(isSnapshotName).sort().at(-1);
  if (newest === undefined) return undefined;
  const path = join(directory, newest);
  const content = Buffer.from(await disk.readFile(path));
  if (content.length < headerBytes || !content.subarray(0, 8).equals(magic)) {
    throw new LogDamagedError(path, 0, 'this is not the beginning of a snapshot');
  }
  const data = content.subarray(headerBytes);
  const isWhole = BigInt(data.length) === content.readBigUInt64LE(24);
  if (!isWhole || crc32(data, crc32(content.subarray(0, 32))) !== content.readUInt32LE(32)) {
    throw new LogDamagedError(path, headerBytes, 'the checksum of the snapshot is wrong');
  }
  const metadata = { index: Number(content.readBigUInt64LE(8)), term: Number(content.readBigUInt64LE(16)) };
  return { metadata, data };
}
