// The file system as the log needs it. Real and simulated disks are siblings behind this interface; a disk promises
// nothing until `sync` (for a file's content) or `syncDirectory` (for names) has returned.
import { constants, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { StorageFailedError } from '../errors.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';

export interface DiskFile {
  /** What is there, at most `length` bytes; fewer only at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Writes all of `data` at `position`, in bytes. */
  write(data: Uint8Array, position: number): Promise<void>;
  /** Cuts the file to `length` bytes. */
  truncate(length: number): Promise<void>;
  /** Returns when content and length are durable (fdatasync). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** Makes a directory and those above it, durably; not an error when it exists. */
  makeDirectory(path: string): Promise<void>;
  /** Names in a directory, in no order. */
  list(path: string): Promise<string[]>;
  readFile(path: string): Promise<Uint8Array>;
  /** Makes a new, empty file, in place of one that exists. */
  createFile(path: string): Promise<DiskFile>;
  /** Opens an existing file for writing. */
  openFile(path: string): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** Takes a directory for this process alone. Throws DirectoryLockedError when another living process has it. */
  lock(directory: string): Promise<DirectoryLock>;
}

/**
 * Up to so many bytes a write only copies into the system's cache, in a few microseconds; to have a thread do that takes
 * longer, twice as long as the write and its sync when the processors are busy. The sync never happens in the foreground.
 */
const foregroundBytes = 64 * 1024;

class RealFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(buffer, filled, length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    let written = 0;
    while (written < data.length && data.length <= foregroundBytes) {
      written += writeSync(this.#handle.fd, data, written, data.length - written, position + written);
    }
    while (written < data.length) {
      const { bytesWritten } = await this.#handle.write(data, written, data.length - written, position + written);
      written += bytesWritten;
    }
  }

  async truncate(length: number): Promise<void> {
    await this.#handle.truncate(length);
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A sync that failed is never tried again, whatever the reason. */
export async function syncOrFail(file: DiskFile): Promise<void> {
  try {
    await file.sync();
  } catch (cause) {
    throw new StorageFailedError('A sync failed; what is durable is unknown.', { cause });
  }
}

/**
 * Removes what could not be written, for good: another file may get its name and be renamed, and what a crash leaves of
 * the two need not be in order.
 */
export async function discard(disk: Disk, path: string): Promise<void> {
  await disk.remove(path);
  await disk.syncDirectory(dirname(path));
}

/** The file system of this machine. */
export const realDisk: Disk = {
  async makeDirectory(path) {
    const first = await mkdir(path, { recursive: true });
    if (first === undefined) return;
    for (let made = resolve(path); made.length >= resolve(first).length; made = dirname(made)) {
      await syncDirectory(dirname(made));
    }
  },
  list: (path) => readdir(path),
  readFile: (path) => readFile(path),
  createFile: async (path) => new RealFile(await open(path, 'w+', 0o600)),
  openFile: async (path) => new RealFile(await open(path, 'r+')),
  rename,
  remove: (path) => rm(path),
  syncDirectory,
  lock: lockDirectory,
};
