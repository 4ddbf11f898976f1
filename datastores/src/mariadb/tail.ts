// What a log holds beyond the point at which the cluster's went another way: its records are numbered without gaps, so they
// are counted by their numbers, and the files of the log that they lie in are kept, for a copy puts an end to them.
// `mariadb-binlog` shows what is in them.
import { basename, join } from 'node:path';
import type { Position } from '../definition.ts';
import { DriverError, type KeptTail } from '../driver.ts';
import type { Files } from '../durable-files.ts';
import { type Divergence, readState } from './gtid.ts';
import type { Parts } from './parts.ts';
import { readSequence } from './positions.ts';

/** Kept tails that hold nothing acknowledged; the oldest go. */
const MAX_TAILS = 8;
/** What a database needs to come back is not spent on a tail. */
const LEAST_FREE_BYTES = 128 * 1024 * 1024;

export interface TailToKeep {
  readonly end: Position;
  readonly parted: Divergence;
  /** The epoch that goes on without it. */
  readonly epoch: number;
  /** It may hold writes that were acknowledged: it is refused to go on without keeping it, and it is never dropped. */
  readonly mustKeep: boolean;
}

/** Keeps it in a folder of its own, whole or not at all; a repeat answers what is kept. @throws DriverError */
export async function keepTail(tail: TailToKeep, parts: Parts): Promise<KeptTail> {
  const { tailsFolder, data } = parts.layout;
  const { files } = parts.options;
  const name = `${tail.epoch}-${tail.end.epoch}-${tail.end.value}`;
  const kept = join(tailsFolder, name);
  const folder = `${basename(tailsFolder)}/${name}`;
  const known = await files.readIfThere(join(kept, 'tail.json'));
  if (known !== undefined) {
    const { bytes, transactions } = JSON.parse(known) as { bytes: number; transactions: number };
    return { bytes, transactions, folder };
  }

  const names = await filesOfTail(tail.parted, parts);
  let bytes = 0;
  for (const file of names) bytes += (await files.size(join(data, file))) ?? 0;
  const measured = { bytes, transactions: tail.parted.transactions };
  await files.ensureFolder(tailsFolder, { mode: 0o700 });
  if ((await files.freeBytes(tailsFolder)) - bytes < LEAST_FREE_BYTES) {
    if (!tail.mustKeep) return { ...measured, folder: null };
    throw new DriverError(
      'unavailable',
      'The volume has no room to keep what may have been acknowledged: make it larger.',
    );
  }
  const temporary = join(tailsFolder, `.${name}.new`);
  await files.remove(temporary);
  await files.ensureFolder(temporary, { mode: 0o700 });
  for (const file of names) await files.copy(join(data, file), join(temporary, file));
  const { mustKeep, end, parted, epoch } = tail;
  const record = { ...measured, mustKeep, leftAt: parted.leftAt, end, epoch };
  await files.writeDurably(join(temporary, 'tail.json'), `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  await files.renameDurably(temporary, kept);
  await dropOldest(files, tailsFolder);
  return { ...measured, folder };
}

/** From the last file that begins before the logs parted: each begins with how far every epoch had written by then. */
async function filesOfTail({ leftAt }: Divergence, { control }: Parts): Promise<string[]> {
  const names = (await control.query('show binary logs')).map((row) => String(row.Log_name));
  for (let index = names.length - 1; index > 0; index--) {
    const events = await control.query(`show binlog events in '${names[index]}' limit 4`);
    const list = events.find((event) => event.Event_type === 'Gtid_list');
    const state = readState(/\[([^\]]*)\]/.exec(String(list?.Info))?.[1] ?? '');
    const isBefore = [...state].every(
      ([epoch, sequence]) => epoch < leftAt.epoch || (epoch === leftAt.epoch && sequence <= readSequence(leftAt.value)),
    );
    if (isBefore) return names.slice(index);
  }
  return names;
}

/** Their names begin with the epoch that was rejoined. */
async function dropOldest(files: Files, tailsFolder: string): Promise<void> {
  const kept: string[] = [];
  for (const name of (await files.list(tailsFolder)).filter((found) => !found.startsWith('.'))) {
    const text = (await files.readIfThere(join(tailsFolder, name, 'tail.json'))) ?? '{}';
    if ((JSON.parse(text) as { mustKeep?: boolean }).mustKeep !== true) kept.push(name);
  }
  kept.sort((left, right) => Number.parseInt(right, 10) - Number.parseInt(left, 10));
  for (const name of kept.slice(MAX_TAILS)) await files.remove(join(tailsFolder, name));
}
