// Files that are whole after a crash at any moment: written beside, synced, renamed, and the folder synced.
import {
  chmod,
  chown,
  constants,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  truncate,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface FileOwner {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export interface DurableFileOptions {
  readonly mode: number;
  readonly owner?: FileOwner;
}

/** The file system as a driver needs it; a simulated one is the sibling of this machine's. */
export interface Files {
  /** Replaces a file's content; after a crash it has the old content or the new one. */
  writeDurably(path: string, content: string | Uint8Array, options: DurableFileOptions): Promise<void>;
  /** Removes a file, also from the folder on disk; none is no error, a missing folder is ENOENT. */
  removeDurably(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
  /** The file's text; undefined when there is none. */
  readIfThere(path: string): Promise<string | undefined>;
  /** Makes a folder with exactly this owner and mode, also when it is there already. */
  ensureFolder(path: string, options: DurableFileOptions): Promise<void>;
  /** The names in a folder. @throws ENOENT */
  list(path: string): Promise<string[]>;
  /** In bytes; undefined when there is no such file. */
  size(path: string): Promise<number | undefined>;
  /** Removes a file or a folder with all that is in it; none is no error. */
  remove(path: string): Promise<void>;
  /** Leaves nothing in a file. */
  clear(path: string): Promise<void>;
  /** Copies a file; the copy is on the disk, its name perhaps not. */
  copy(from: string, to: string): Promise<void>;
  /** Gives a file or folder another name in the same folder, also on disk. */
  renameDurably(from: string, to: string): Promise<void>;
  /** What is free on the disk that a folder is on. */
  freeBytes(folder: string): Promise<number>;
}

/** Replaces a file's content; after a crash it has the old content or the new one. */
export async function writeDurably(
  path: string,
  content: string | Uint8Array,
  options: DurableFileOptions,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', options.mode);
  try {
    await file.writeFile(content);
    if (options.owner?.uid !== undefined) await file.chown(options.owner.uid, options.owner.gid ?? options.owner.uid);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Removes a file, also from the folder on disk. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

export async function syncFolder(path: string): Promise<void> {
  await syncFile(path);
}

/** What was written to a file is on the disk; a folder's is what names there are in it. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The file's text; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes a folder with exactly this owner and mode, also when it is there already. */
export async function ensureFolder(path: string, options: DurableFileOptions): Promise<void> {
  await mkdir(path, { recursive: true });
  if (options.owner?.uid !== undefined) await chown(path, options.owner.uid, options.owner.gid ?? options.owner.uid);
  await chmod(path, options.mode);
}

/** The file system of this machine. */
export const systemFiles: Files = {
  writeDurably,
  removeDurably,
  syncFolder,
  readIfThere,
  ensureFolder,
  list: (path) => readdir(path),
  size: (path) =>
    stat(path).then(
      ({ size }) => size,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      },
    ),
  remove: (path) => rm(path, { recursive: true, force: true }),
  clear: (path) => truncate(path),
  copy: async (from, to) => {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await syncFolder(to);
  },
  renameDurably: async (from, to) => {
    await rename(from, to);
    await syncFolder(dirname(to));
  },
  freeBytes: async (folder) => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
};
