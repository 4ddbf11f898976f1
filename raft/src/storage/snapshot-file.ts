// Snapshots on disk: one file each, written under a temporary name and renamed when it is durable, so that a name
// that ends in `.snapshot` always has all of its content. Only the newest is kept.
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { ConfState, Snapshot, SnapshotMetadata } from '../core/messages.ts';
import { LogDamagedError } from '../errors.ts';
import { crc32c } from './crc32c.ts';
import { type Disk, type DiskFile, discard, syncOrFail } from './disk.ts';

/** Magic (8), index (8), term (8), length of all that follows (8), crc32 of all the rest (4). */
const headerBytes = 36;
/** After the header comes the data. Written until memberships could change, and still read. */
const magicWithoutMembership = Buffer.from('RAFTSNP1');
/** After the header come the length of the membership (4), the membership as JSON, and the data. */
const magic = Buffer.from('RAFTSNP2');
const suffix = '.snapshot';
export const temporarySuffix = '.temporary';

export function isSnapshotName(name: string): boolean {
  return name.endsWith(suffix);
}

function nameOf(index: number): string {
  return `${String(index).padStart(16, '0')}${suffix}`;
}

/** What precedes the data. */
function encodeHead({ metadata, data }: Snapshot): Buffer {
  const { index, term, confState } = metadata;
  const membership = Buffer.from(confState === undefined ? '' : JSON.stringify(confState));
  const head = Buffer.alloc(headerBytes + 4);
  head.set(magic);
  head.writeBigUInt64LE(BigInt(index), 8);
  head.writeBigUInt64LE(BigInt(term), 16);
  head.writeBigUInt64LE(BigInt(4 + membership.length + data.length), 24);
  head.writeUInt32LE(membership.length, headerBytes);
  const checksum = crc32(data, crc32(membership, crc32(head.subarray(headerBytes), crc32(head.subarray(0, 32)))));
  head.writeUInt32LE(checksum, 32);
  return Buffer.concat([head, membership]);
}

/** A snapshot's file while it travels. */
export interface SnapshotSource {
  readonly metadata: SnapshotMetadata;
  readonly bytes: number;
  readonly crc32c: number;
  /** Fewer bytes than `length` only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Bytes of a file that are read at once. */
const pieceBytes = 1024 * 1024;

/** Reads all of a file for its length and its CRC-32C. */
export async function measureFile(file: DiskFile): Promise<{ bytes: number; crc32c: number }> {
  let bytes = 0;
  let checksum = 0;
  for (;;) {
    const piece = await file.read(bytes, pieceBytes);
    checksum = crc32c(piece, checksum);
    bytes += piece.length;
    if (piece.length < pieceBytes) return { bytes, crc32c: checksum };
  }
}

/** Opens the file of the snapshot of this index. It can be read to its end also when it is removed meanwhile. */
export async function openSnapshot(disk: Disk, directory: string, metadata: SnapshotMetadata): Promise<SnapshotSource> {
  const file = await disk.openFile(join(directory, nameOf(metadata.index)));
  try {
    const measure = await measureFile(file);
    return { metadata, ...measure, read: (offset, length) => file.read(offset, length), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Makes the file at `from`, which is durable, the snapshot of this index. */
export async function adoptSnapshot(disk: Disk, directory: string, from: string, index: number): Promise<void> {
  await disk.rename(from, join(directory, nameOf(index)));
  await disk.syncDirectory(directory);
}

export async function writeSnapshot(disk: Disk, directory: string, snapshot: Snapshot): Promise<void> {
  const { metadata, data } = snapshot;
  const head = encodeHead(snapshot);

  const path = join(directory, nameOf(metadata.index));
  const file = await disk.createFile(path + temporarySuffix);
  try {
    await file.write(head, 0);
    await file.write(data, head.length);
  } catch (error) {
    await file.close();
    await discard(disk, path + temporarySuffix);
    throw error;
  }
  await syncOrFail(file);
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
  return decodeSnapshot(Buffer.from(await disk.readFile(path)), path);
}

/** The snapshot in the content of its file. Throws LogDamagedError. */
export function decodeSnapshot(content: Buffer, path: string): Snapshot {
  const found = content.subarray(0, 8);
  if (content.length < headerBytes || !(found.equals(magic) || found.equals(magicWithoutMembership))) {
    throw new LogDamagedError(path, 0, 'this is not the beginning of a snapshot');
  }
  const body = content.subarray(headerBytes);
  const isWhole = BigInt(body.length) === content.readBigUInt64LE(24);
  if (!isWhole || crc32(body, crc32(content.subarray(0, 32))) !== content.readUInt32LE(32)) {
    throw new LogDamagedError(path, headerBytes, 'the checksum of the snapshot is wrong');
  }
  const place = { index: Number(content.readBigUInt64LE(8)), term: Number(content.readBigUInt64LE(16)) };
  if (found.equals(magicWithoutMembership)) return { metadata: place, data: body };
  const end = 4 + body.readUInt32LE(0);
  return { metadata: withMembership(place, body.subarray(4, end)), data: body.subarray(end) };
}

/** The checksum was right, so the JSON is what was written. */
function withMembership(place: SnapshotMetadata, membership: Buffer): SnapshotMetadata {
  return membership.length === 0 ? place : { ...place, confState: JSON.parse(membership.toString()) as ConfState };
}
