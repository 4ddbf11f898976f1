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
/** So much of the log's end is read for its last commit. */
const LAST_BYTES = 1024n * 1024n;
/** Kept tails that hold nothing acknowledged; the oldest go. */
const MAX_TAILS = 8;
const MS_PER_SECOND = 1_000;
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
export async function measureTail(end: Position, leftAt: bigint, promotion: Promotion): Promise<Tail> {
  const last = readLsn(end.value);
  const bytes = last > leftAt ? Number(last - leftAt) : 0;
  const table = await dump(end, leftAt, ['--stats=record'], promotion);
  return { bytes, transactions: table === undefined ? undefined : countCommits(table) };
}

/** From the first commit of a tail to its last, in seconds; undefined where that is not to be read. */
async function spanOf(end: Position, leftAt: bigint, promotion: Promotion): Promise<number | undefined> {
  const nearEnd = readLsn(end.value) - LAST_BYTES;
  const first = await dump(end, leftAt, ['--limit=1'], promotion);
  const last = await dump(end, nearEnd > leftAt ? nearEnd : leftAt, [], promotion);
  const [begin, over] = [commitTimes(first ?? '').at(0), commitTimes(last ?? '').at(-1)];
  return begin === undefined || over === undefined ? undefined : (over - begin) / MS_PER_SECOND;
}

/** What `pg_waldump` says of the transactions that ended there. */
async function dump(
  end: Position,
  from: bigint,
  options: readonly string[],
  { options: { processes }, layout, program }: Promotion,
): Promise<string | undefined> {
  const range = ['--start', writeLsn(from), '--end', end.value, '--timeline', String(end.epoch)];
  const command = program('pg_waldump', ...options, '--rmgr=Transaction', '--path', layout.walFolder, ...range);
  const { code, stdout } = await processes.run(command, DUMP_MS);
  return code === 0 ? stdout : undefined;
}

/** When transactions were committed, in milliseconds; for differences only, for the zone is the server's. */
export function commitTimes(lines: string): number[] {
  const times = [...lines.matchAll(/ desc: COMMIT(?:_PREPARED)? (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3})/g)];
  return times.map(([, day, time]) => Date.parse(`${day}T${time}Z`));
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

  const seconds = await spanOf(tail.end, tail.leftAt, promotion);
  const counted = await measureTail(tail.end, tail.leftAt, promotion);
  const measured = { ...counted, ...(seconds === undefined ? {} : { seconds }) };
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

function readTail(text: string): Omit<KeptTail, 'folder'> {
  const { bytes, transactions, seconds } = JSON.parse(text) as {
    bytes: number;
    transactions?: number;
    seconds?: number;
  };
  return { bytes, transactions, ...(seconds === undefined ? {} : { seconds }) };
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
