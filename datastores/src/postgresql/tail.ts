// What a log holds beyond the point at which the cluster's went another way: counted by PostgreSQL's own reader of it, and
// kept as the segments of the log that it lies in, for a rewind and a copy both put an end to it. `pg_waldump` shows what
// is in them.
import { join } from 'node:path';
import type { Position } from '../definition.ts';
import type { KeptTail, Tail } from '../driver.ts';
import { folderOfTail, keepTailFiles, readKeptTail } from '../tails.ts';
import { readLsn, segmentOf, writeLsn } from './positions.ts';
import type { Promotion } from './promotion.ts';

const DUMP_MS = 60_000;
/** So much of the log's end is read for its last commit. */
const LAST_BYTES = 1024n * 1024n;
/** Kept tails that hold nothing acknowledged; the oldest go. */
const MAX_TAILS = 8;
const MS_PER_SECOND = 1_000;

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
  const { mustKeep, end, leftAt, epoch } = tail;
  const place = { files, tailsFolder, name: `${epoch}-${end.epoch}-${end.value.replace('/', '-')}` };
  const known = await readKeptTail(place);
  if (known !== undefined) return { ...readTail(known), folder: folderOfTail(place) };

  const seconds = await spanOf(end, leftAt, promotion);
  const counted = await measureTail(end, leftAt, promotion);
  const measured = { ...counted, ...(seconds === undefined ? {} : { seconds }) };
  const segments = (await files.list(walFolder)).filter((file) => isOfTail(file, tail));
  const sources = segments.map((file) => join(walFolder, file));
  const record = { ...measured, mustKeep, leftAt: writeLsn(leftAt), end: end.value, timeline: end.epoch, epoch };
  return { ...measured, folder: await keepTailFiles({ ...place, sources, record, mustKeep, most: MAX_TAILS }) };
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
