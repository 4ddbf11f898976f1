// What a former primary held when it came back is kept before its data are copied anew: its log, from which what only it
// had can be read (`redis-check-aof` shows what is in it).
import { basename, join } from 'node:path';
import { DriverError, type DriverOptions, type KeptTail } from '../driver.ts';
import type { Layout } from './layout.ts';
import type { Lineage } from './lineage.ts';

/** Kept tails that hold nothing acknowledged; the oldest go. */
const MAX_TAILS = 4;
/** What a database needs to come back is not spent on a tail. */
const LEAST_FREE_BYTES = 128 * 1024 * 1024;

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
  const kept = join(layout.tailsFolder, name);
  const folder = `${basename(layout.tailsFolder)}/${name}`;
  if ((await files.readIfThere(join(kept, 'tail.json'))) !== undefined) return { ...measured, folder };

  await files.ensureFolder(layout.tailsFolder, { mode: 0o700 });
  const log = await files.list(layout.appendFolder).catch(() => [] as string[]);
  const sources = [...log.map((file) => join(layout.appendFolder, file)), layout.snapshotFile];
  let bytes = 0;
  for (const path of sources) bytes += (await files.size(path)) ?? 0;
  if ((await files.freeBytes(layout.tailsFolder)) - bytes < LEAST_FREE_BYTES) {
    if (!tail.mustKeep) return { ...measured, folder: null };
    throw new DriverError(
      'unavailable',
      'The volume has no room to keep what may have been acknowledged: make it larger.',
    );
  }
  const temporary = join(layout.tailsFolder, `.${name}.new`);
  await files.remove(temporary);
  await files.ensureFolder(temporary, { mode: 0o700 });
  for (const path of sources) {
    if ((await files.size(path)) !== undefined) await files.copy(path, join(temporary, basename(path)));
  }
  const text = `${JSON.stringify({ ...measured, ...tail }, undefined, 2)}\n`;
  await files.writeDurably(join(temporary, 'tail.json'), text, { mode: 0o600 });
  await files.renameDurably(temporary, kept);
  const names = (await files.list(layout.tailsFolder)).filter((found) => !found.startsWith('.'));
  const spare: string[] = [];
  for (const found of names) {
    const record = (await files.readIfThere(join(layout.tailsFolder, found, 'tail.json'))) ?? '{}';
    if ((JSON.parse(record) as { mustKeep?: boolean }).mustKeep !== true) spare.push(found);
  }
  spare.sort((left, right) => Number.parseInt(right, 10) - Number.parseInt(left, 10));
  for (const found of spare.slice(MAX_TAILS)) await files.remove(join(layout.tailsFolder, found));
  return { ...measured, folder };
}
