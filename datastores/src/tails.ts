// Where a member keeps what its log held too much, whatever the engine: a folder of its own for each tail, whole or not at
// all, with the files that the engine's log lies in and a `tail.json` that says what they are.
import { basename, join } from 'node:path';
import { DriverError } from './driver.ts';
import type { Files } from './durable-files.ts';

/** What a database needs to come back is not spent on a tail. */
const LEAST_FREE_BYTES = 128 * 1024 * 1024;
const RECORD = 'tail.json';

export interface TailPlace {
  readonly files: Files;
  readonly tailsFolder: string;
  /** Begins with the epoch that was rejoined. */
  readonly name: string;
}

export interface TailFiles extends TailPlace {
  /** Paths; bytes of them are counted before any is copied. */
  readonly sources: readonly string[];
  readonly record: object;
  /** It may hold writes that were acknowledged: it is refused to go on without keeping it, and it is never dropped. */
  readonly mustKeep: boolean;
  /** Of those that hold nothing acknowledged so many are kept; the oldest go. */
  readonly most: number;
}

/** From the volume on. */
export function folderOfTail({ tailsFolder, name }: TailPlace): string {
  return `${basename(tailsFolder)}/${name}`;
}

/** What is written of a tail that is kept; undefined when it is not. */
export async function readKeptTail({ files, tailsFolder, name }: TailPlace): Promise<string | undefined> {
  return await files.readIfThere(join(tailsFolder, name, RECORD));
}

/** Answers the folder; null when there was no room, and it need not be kept. @throws DriverError `unavailable` */
export async function keepTailFiles(tail: TailFiles): Promise<string | null> {
  const { files, tailsFolder, name, sources, record, mustKeep, most } = tail;
  await files.ensureFolder(tailsFolder, { mode: 0o700 });
  let bytes = 0;
  for (const path of sources) bytes += (await files.size(path)) ?? 0;
  if ((await files.freeBytes(tailsFolder)) - bytes < LEAST_FREE_BYTES) {
    if (!mustKeep) return null;
    throw new DriverError(
      'unavailable',
      'The volume has no room to keep what may have been acknowledged: make it larger.',
    );
  }
  const temporary = join(tailsFolder, `.${name}.new`);
  await files.remove(temporary);
  await files.ensureFolder(temporary, { mode: 0o700 });
  for (const path of sources) await files.copy(path, join(temporary, basename(path)));
  await files.writeDurably(join(temporary, RECORD), `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  await files.renameDurably(temporary, join(tailsFolder, name));
  await dropOldest(files, tailsFolder, most);
  return folderOfTail(tail);
}

async function dropOldest(files: Files, tailsFolder: string, most: number): Promise<void> {
  const spare: string[] = [];
  for (const name of (await files.list(tailsFolder)).filter((found) => !found.startsWith('.'))) {
    const text = (await readKeptTail({ files, tailsFolder, name })) ?? '{}';
    if ((JSON.parse(text) as { mustKeep?: boolean }).mustKeep !== true) spare.push(name);
  }
  spare.sort((left, right) => Number.parseInt(right, 10) - Number.parseInt(left, 10));
  for (const name of spare.slice(most)) await files.remove(join(tailsFolder, name));
}
