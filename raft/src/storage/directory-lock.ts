// One process per directory: two writers would interleave their records and both believe in theirs. The lock is a file
// that names its holder; it outlives a crash, so a holder that no longer runs is told by its pid and, where /proc
// has it, by when that process started (a pid comes back, in a container even at once). It does not see processes of
// another machine or another pid namespace that share the volume: the caller must not mount it twice.
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DirectoryLockedError } from '../errors.ts';

export interface DirectoryLock {
  release(): Promise<void>;
}

const lockName = 'lock';
const takeoverAttempts = 5;
const heldHere = new Set<string>();

export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = resolve(directory);
  if (heldHere.has(path)) throw new DirectoryLockedError(path, process.pid);
  heldHere.add(path);
  try {
    await takeLock(path);
  } catch (error) {
    heldHere.delete(path);
    throw error;
  }
  return {
    async release() {
      if (!heldHere.delete(path)) return;
      await rm(join(path, lockName), { force: true });
    },
  };
}

async function takeLock(directory: string): Promise<void> {
  const own = join(directory, `${lockName}.${process.pid}`);
  await writeFile(own, JSON.stringify({ pid: process.pid, started: await startOf(process.pid) }));
  try {
    for (let attempt = 0; attempt < takeoverAttempts; attempt += 1) {
      // A link fails where a file exists, and shows the whole content at once where none does.
      if (await linkIfFree(own, join(directory, lockName))) return;
      await removeIfStale(directory);
    }
  } finally {
    await rm(own, { force: true });
  }
  throw new DirectoryLockedError(directory, 0);
}

async function linkIfFree(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Throws when the holder lives. Renaming first makes sure that of two who find it stale, only one removes it. */
async function removeIfStale(directory: string): Promise<void> {
  const path = join(directory, lockName);
  const judged = await contentOf(path);
  if (judged === undefined) return;
  const holder = parseHolder(judged);
  if (holder !== undefined && (await isAlive(holder))) throw new DirectoryLockedError(directory, holder.pid);

  const aside = join(directory, `${lockName}.stale.${process.pid}`);
  try {
    await rename(path, aside);
  } catch {
    return; // Somebody else was quicker; the next attempt sees whose it is now.
  }
  if ((await contentOf(aside)) !== judged) await linkIfFree(aside, path);
  await rm(aside, { force: true });
}

interface Holder {
  readonly pid: number;
  readonly started: string;
}

function parseHolder(content: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(content) as Partial<Holder>;
    return Number.isSafeInteger(pid) && typeof started === 'string' ? { pid: pid as number, started } : undefined;
  } catch {
    return undefined; // Torn by a crash of the machine, so its writer is gone.
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const started = await startOf(holder.pid);
  return holder.started === '' || started === '' || started === holder.started;
}

/** Boot and start time of a process; empty where the system does not tell. */
async function startOf(pid: number): Promise<string> {
  const boot = await contentOf('/proc/sys/kernel/random/boot_id');
  const stat = await contentOf(`/proc/${pid}/stat`);
  // Field 22 of proc(5); the second field is in parentheses and may hold blanks.
  const ticks = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return boot === undefined || ticks === undefined ? '' : `${boot.trim()} ${ticks}`;
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}
