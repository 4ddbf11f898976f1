// A snapshot that comes in pieces: a file that grows, named after what it will be. Its name outlives a restart, so that
// the sender goes on where the disk is; whether all of it is right is known only at the end, by its checksum.
import { join } from 'node:path';
import type { Snapshot } from '../core/messages.ts';
import { crc32c } from './crc32c.ts';
import { type Disk, type DiskFile, discard } from './disk.ts';
import { decodeSnapshot, measureFile } from './snapshot-file.ts';

/** Which snapshot, to the byte. */
export interface SnapshotKey {
  readonly index: number;
  readonly term: number;
  /** Length and CRC-32C of the sender's file. */
  readonly bytes: number;
  readonly crc32c: number;
}

/** A piece did not arrive as it was sent, or the whole is not what was offered. */
export class SnapshotBrokenError extends Error {
  override readonly name = 'SnapshotBrokenError';
}

const suffix = '.partial';
const pattern = /^(\d+)-(\d+)-(\d+)-(\d+)\.partial$/;

function nameOf({ index, term, bytes, crc32c: checksum }: SnapshotKey): string {
  return `${index}-${term}-${bytes}-${checksum}${suffix}`;
}

function keyOf(name: string): SnapshotKey | undefined {
  const [, index, term, bytes, checksum] = pattern.exec(name) ?? [];
  if (checksum === undefined) return undefined;
  return { index: Number(index), term: Number(term), bytes: Number(bytes), crc32c: Number(checksum) };
}

/** Removes the partial snapshots that `isGone` says, and whatever only looks like one. */
export async function removePartials(
  disk: Disk,
  directory: string,
  isGone: (key: SnapshotKey) => boolean,
): Promise<void> {
  for (const name of await disk.list(directory)) {
    const key = keyOf(name);
    if (name.endsWith(suffix) && (key === undefined || isGone(key))) await disk.remove(join(directory, name));
  }
}

export class PartialSnapshot {
  readonly path: string;
  readonly key: SnapshotKey;
  readonly #disk: Disk;
  readonly #file: DiskFile;
  #bytes: number;
  #checksum: number;
  #durableBytes: number;

  private constructor(
    disk: Disk,
    path: string,
    key: SnapshotKey,
    file: DiskFile,
    found: { bytes: number; crc32c: number },
  ) {
    this.path = path;
    this.key = key;
    this.#disk = disk;
    this.#file = file;
    this.#bytes = found.bytes;
    this.#checksum = found.crc32c;
    this.#durableBytes = found.bytes;
  }

  static async open(disk: Disk, directory: string, key: SnapshotKey): Promise<PartialSnapshot> {
    const name = nameOf(key);
    const path = join(directory, name);
    await removePartials(disk, directory, (other) => nameOf(other) !== name);
    const isThere = (await disk.list(directory)).includes(name);
    const file = isThere ? await disk.openFile(path) : await disk.createFile(path);
    try {
      const found = await measureFile(file);
      if (found.bytes <= key.bytes) {
        // What is there may not be durable yet, and is answered as if it were.
        await file.sync();
        return new PartialSnapshot(disk, path, key, file, found);
      }
      await file.truncate(0);
      return new PartialSnapshot(disk, path, key, file, { bytes: 0, crc32c: 0 });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get durableBytes(): number {
    return this.#durableBytes;
  }

  /** Bytes that are written and may not be durable yet. */
  get unsyncedBytes(): number {
    return this.#bytes - this.#durableBytes;
  }

  get hasAll(): boolean {
    return this.#bytes === this.key.bytes;
  }

  /** Throws SnapshotBrokenError for a piece that is not the next one, or not what was sent. */
  async write(offset: number, data: Uint8Array, checksum: number): Promise<void> {
    if (offset !== this.#bytes || offset + data.length > this.key.bytes) {
      throw new SnapshotBrokenError(`A piece from byte ${offset} on came where ${this.#bytes} was next.`);
    }
    if (crc32c(data) !== checksum) throw new SnapshotBrokenError(`The piece from byte ${offset} on has changed.`);
    await this.#file.write(data, offset);
    this.#bytes += data.length;
    this.#checksum = crc32c(data, this.#checksum);
  }

  async sync(): Promise<void> {
    const bytes = this.#bytes;
    await this.#file.sync();
    this.#durableBytes = bytes;
  }

  /** All of it, when it is what was offered. Else it is removed, and SnapshotBrokenError thrown. */
  async finish(): Promise<Snapshot> {
    const { bytes, crc32c: expected, index, term } = this.key;
    try {
      if (this.#bytes !== bytes || this.#checksum !== expected) {
        throw new SnapshotBrokenError(`The ${this.#bytes} bytes of snapshot ${index} are not those that were offered.`);
      }
      const snapshot = decodeSnapshot(Buffer.from(await this.#disk.readFile(this.path)), this.path);
      if (snapshot.metadata.index !== index || snapshot.metadata.term !== term) {
        throw new SnapshotBrokenError(`Snapshot ${index} is that of entry ${snapshot.metadata.index}.`);
      }
      return snapshot;
    } catch (error) {
      await this.remove();
      throw error;
    } finally {
      await this.close();
    }
  }

  async remove(): Promise<void> {
    await discard(this.#disk, this.path);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
