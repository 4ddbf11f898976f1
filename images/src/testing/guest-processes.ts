// The processes of a guest, found by the folders that they work in.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { systemProcesses } from '@argosy/datastores/drivers';
import { systemClock } from '@argosy/proto';

const processes = systemProcesses({ uid: undefined, gid: undefined }, systemClock);

export async function pidsIn(folder: string): Promise<number[]> {
  return existsSync(folder) ? await processes.inFolder(folder) : [];
}

/** The one that none of the others began. */
export async function firstOf(pids: readonly number[]): Promise<number | undefined> {
  const parents = await Promise.all(pids.map(parentOf));
  return pids.find((_, index) => !pids.includes(parents[index] ?? 0));
}

async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
