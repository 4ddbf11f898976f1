// What a log holds beyond the point at which the cluster's went another way: counted by PostgreSQL's own reader of it, and
// kept as the segments of the log that it lies in, for a rewind and a copy both put an end to it. `pg_waldump` shows what
// is in them.
import { basename, join } from 'node:path';
import type { Position } from '../definition.ts';
import { DriverError, type KeptTail, type Tail } from '../driver.ts';
import type { Files } from '../durable-files.ts';
import { readLsn, segmentOf, writeLsn } from './positions.ts';
import type { Promotion } from './promotion.ts';

const DUMP_MS = 60_000;
/** Kept tails that hold nothing acknowledged; the oldest go. */
const MAX_TAILS = 8;
/** What a database needs to come back is not spent on a tail. */
const LEAST_FREE_BYTES = 128 * 1024 * 1024;

export interface TailToKeep {
  /** Where the log ends. */
  readonly end: Position;
  readonly leftAt: bigint;
  /** The epoch that goes on without it. */
  readonly epoch: number;
  /** It may hold writes that were acknowledged: it is refused to go on without keeping it, and it is never dropped. */
  readonly mustKeep: boolean;
}

/** `end` is where the log ends; what cannot be read is not counted. */
export async function measureTail(
  end: Position,
  leftAt: bigint,
  { options, layout, program }: Promotion,
): Promise<Tail> {
  const last = readLsn(end.value);
  const bytes = last > leftAt ? Number(last - leftAt) : 0;
  const range = ['--start', writeLsn(leftAt), '--end', end.value, '--timeline', String(end.epoch)];
  const dump = program('pg_waldump', '--stats=record', '--rmgr=Transaction', '--path', layout.walFolder, ...range);
  const { code, stdout } = await options.processes.run(dump, DUMP_MS);
  return { bytes, transactions: code === 0 ? countCommits(stdout) : undefined };
}

/** Keeps it in a folder of its own, whole or not at all; a repeat answers what is kept. @throws DriverError */
export async function keepTail(tail: TailToKeep, promotion: Promotion): Promise<KeptTail> {
  const { tailsFolder, walFolder } = promotion.layout;
  const { files } = promotion.options;
  const name = `${tail.epoch}-${tail.end.epoch}-${tail.end.value.replace('/', '-')}`;
  const kept = join(tailsFolder, name);
  const folder = `${basename(tailsFolder)}/${name}`;
  const known = await files.readIfThere(join(kept, 'tail.json'));
  if (known !== undefined) return { ...readTail(known), folder };

  const measured = await measureTail(tail.end, tail.leftAt, promotion);
  const segments = (await files.list(walFolder)).filter((file) => isOfTail(file, tail));
  await files.ensureFolder(tailsFolder, { mode: 0o700 });
  if (!(await hasRoom(promotion, segments))) {
    if (!tail.mustKeep) return { ...measured, folder: null };
    throw new DriverError(
      'unavailable',
      'The volume has no room to keep what may have been acknowledged: make it larger.',
    );
  }
  const temporary = join(tailsFolder, `.${name}.new`);
  await files.remove(temporary);
  await files.ensureFolder(temporary, { mode: 0o700 });
  for (const file of segments) await files.copy(join(walFolder, file), join(temporary, file));
  const { mustKeep, end, leftAt, epoch } = tail;
  const record = { ...measured, mustKeep, leftAt: writeLsn(leftAt), end: end.value, timeline: end.epoch, epoch };
  await files.writeDurably(join(temporary, 'tail.json'), `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  await files.renameDurably(temporary, kept);
  await dropOldest(files, tailsFolder);
  return { ...measured, folder };
}

/** From the table of `pg_waldump --stats=record`, whose second column counts. */
export function countCommits(table: string): number {
  const lines = [...table.matchAll(/^Transaction\/COMMIT(?:_PREPARED)?\s+(\d+)\s/gm)];
  return lines.reduce((sum, [, count]) => sum + Number(count), 0);
}

function readTail(text: string): Tail {
  const { bytes, transactions } = JSON.parse(text) as { bytes: number; transactions?: number };
  return { bytes, transactions };
}

/** The segments from where the logs parted to the end, of every timeline, and what says how these follow each other. */
function isOfTail(name: string, { leftAt, end }: TailToKeep): boolean {
  if (/^[0-9A-F]{8}\.history$/.test(name)) return true;
  if (!/^[0-9A-F]{24}$/.test(name)) return false;
  const segment = name.slice(8);
  return segment >= segmentOf(leftAt) && segment <= segmentOf(readLsn(end.value));
}

async function hasRoom({ layout, options }: Promotion, segments: readonly string[]): Promise<boolean> {
  let bytes = 0;
  for (const name of segments) bytes += (await options.files.size(join(layout.walFolder, name))) ?? 0;
  return (await options.files.freeBytes(layout.tailsFolder)) - bytes >= LEAST_FREE_BYTES;
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
