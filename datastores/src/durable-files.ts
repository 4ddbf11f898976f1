// Files that are whole after a crash at any moment: written beside, synced, renamed, and the folder synced.
import { chmod, chown, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface FileOwner {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export interface DurableFileOptions {
  readonly mode: number;
  readonly owner?: FileOwner;
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
