// What a former primary held when it came back is kept before its data are copied anew: its log, from which what only it
// had can be read (`redis-check-aof` shows what is in it).
import { join } from 'node:path';
import type { DriverOptions, KeptTail } from '../driver.ts';
import { folderOfTail, keepTailFiles, readKeptTail } from '../tails.ts';
import type { Layout } from './layout.ts';
import type { Lineage } from './lineage.ts';

/** Kept tails that hold nothing acknowledged; the oldest go. */
const MAX_TAILS = 4;

export interface TailToKeep {
  /** Null when it is not known, for the server ended uncleanly. */
  readonly offset: number | null;
  readonly leftAt: number;
  readonly lineage: Lineage;
  readonly epoch: number;
  readonly mustKeep: boolean;
}

/** Keeps it in a folder of its own, whole or not at all; a repeat answers what is kept. @throws DriverError */
export async function keepTail(
  tail: TailToKeep,
  { options: { files }, layout }: { options: DriverOptions; layout: Layout },
): Promise<KeptTail> {
  const measured = {
    bytes: tail.offset === null ? 0 : Math.max(0, tail.offset - tail.leftAt),
    transactions: undefined,
  };
  const name = `${tail.epoch}-${tail.lineage.at(-1)?.epoch ?? 0}-${tail.offset ?? 'unknown'}`;
  const place = { files, tailsFolder: layout.tailsFolder, name };
  if ((await readKeptTail(place)) !== undefined) return { ...measured, folder: folderOfTail(place) };

  const log = await files.list(layout.appendFolder).catch(() => [] as string[]);
  const sources: string[] = [];
  for (const path of [...log.map((file) => join(layout.appendFolder, file)), layout.snapshotFile]) {
    if ((await files.size(path)) !== undefined) sources.push(path);
  }
  const [record, { mustKeep }] = [{ ...measured, ...tail }, tail];
  return { ...measured, folder: await keepTailFiles({ ...place, sources, record, mustKeep, most: MAX_TAILS }) };
}
