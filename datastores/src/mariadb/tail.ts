// What a log holds beyond the point at which the cluster's went another way: its records are numbered without gaps, so they
// are counted by their numbers, and the files of the log that they lie in are kept, for a copy puts an end to them.
// `mariadb-binlog` shows what is in them.
import { join } from 'node:path';
import type { Position } from '../definition.ts';
import type { KeptTail } from '../driver.ts';
import { folderOfTail, keepTailFiles, readKeptTail } from '../tails.ts';
import { type Divergence, readState } from './gtid.ts';
import type { Parts } from './parts.ts';
import { readSequence } from './positions.ts';

/** Kept tails that hold nothing acknowledged; the oldest go. */
const MAX_TAILS = 8;

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
  const place = { files, tailsFolder, name: `${tail.epoch}-${tail.end.epoch}-${tail.end.value}` };
  const known = await readKeptTail(place);
  if (known !== undefined) {
    const { bytes, transactions } = JSON.parse(known) as { bytes: number; transactions: number };
    return { bytes, transactions, folder: folderOfTail(place) };
  }

  const sources = (await filesOfTail(tail.parted, parts)).map((file) => join(data, file));
  let bytes = 0;
  for (const path of sources) bytes += (await files.size(path)) ?? 0;
  const measured = { bytes, transactions: tail.parted.transactions };
  const { mustKeep, end, parted, epoch } = tail;
  const record = { ...measured, mustKeep, leftAt: parted.leftAt, end, epoch };
  return { ...measured, folder: await keepTailFiles({ ...place, sources, record, mustKeep, most: MAX_TAILS }) };
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
