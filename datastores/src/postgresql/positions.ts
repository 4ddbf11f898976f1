// Where a log ends. A promotion writes the first record of its epoch on a timeline whose number is the epoch, so that
// the epoch of a record is the timeline that it stands on: read from the log's files, never taken from the primary that
// is followed.
import type { Position } from '../definition.ts';

const SEGMENT_BYTES = 16n * 1024n * 1024n;
const SEGMENTS_PER_LOG = 0x1_0000_0000n / SEGMENT_BYTES;
const MAX_LSN = (1n << 64n) - 1n;

/** A log sequence number (`16/B374D848`) as one number. @throws Error when it is none. */
export function readLsn(text: string): bigint {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (match === null) throw new Error(`"${text}" is not a log sequence number.`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

export function writeLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/** Negative when `left` is behind, positive when it is ahead: the epoch first, then the log sequence number. */
export function comparePositions(left: Position, right: Position): number {
  if (left.epoch !== right.epoch) return left.epoch - right.epoch;
  const difference = readLsn(left.value) - readLsn(right.value);
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

/** The file that says where a timeline left its parents. */
export function historyFileName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}

/** Where each ancestor of a timeline ended, oldest first. An empty file (a gap filled by a promotion) has none. */
export function readHistory(text: string): { readonly timeline: number; readonly end: bigint }[] {
  return text
    .split('\n')
    .map((line) => /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line))
    .filter((match) => match !== null)
    .map((match) => ({ timeline: Number(match[1]), end: readLsn(match[2] ?? '') }));
}

/** The end of the name of the segment in which the record that ends at `lsn` stands; such names sort as they follow. */
export function segmentOf(lsn: bigint): string {
  const segment = (lsn > 0n ? lsn - 1n : 0n) / SEGMENT_BYTES;
  return [segment / SEGMENTS_PER_LOG, segment % SEGMENTS_PER_LOG]
    .map((part) => part.toString(16).toUpperCase().padStart(8, '0'))
    .join('');
}

/** The timelines of which the log's folder holds the segment in which the record that ends at `lsn` stands. */
export function timelinesAt(fileNames: readonly string[], lsn: bigint): number[] {
  const suffix = segmentOf(lsn);
  return fileNames
    .filter((name) => /^[0-9A-F]{24}$/.test(name) && name.endsWith(suffix))
    .map((name) => Number.parseInt(name.slice(0, 8), 16));
}

/**
 * The timeline of the record that ends at `lsn`. A history file alone proves nothing, for a member that cannot follow a
 * timeline fetches its history too: only a segment of that timeline in the member's own log does, and only from where
 * the timeline left its parent.
 */
export function timelineOf(fileNames: readonly string[], histories: ReadonlyMap<number, string>, lsn: bigint): number {
  const newest = Math.max(1, ...timelinesAt(fileNames, lsn));
  // From the newest to the oldest: a timeline may have left its parent before that one's own beginning, when a member
  // was promoted that had the history of the parent and nothing yet of its log.
  let timeline = newest;
  for (const ancestor of readHistory(histories.get(newest) ?? '').reverse()) {
    if (lsn > ancestor.end) return timeline;
    timeline = ancestor.timeline;
  }
  return timeline;
}

/** A log that went on where an epoch's timeline had left it. */
export interface Divergence {
  readonly reason: string;
  readonly leftAt: bigint;
}

/**
 * Why a log can never go on with an epoch: it goes beyond the point at which that epoch's timeline left it. `history` is
 * that timeline's. Undefined when it can.
 */
export function divergence(position: Position, history: string): Divergence | undefined {
  const entries = readHistory(history);
  const index = entries.findIndex(({ timeline }) => timeline === position.epoch);
  if (index < 0) {
    const reason = `This member's log ends in epoch ${position.epoch}, which was left out`;
    return { reason, leftAt: entries.at(-1)?.end ?? readLsn(position.value) };
  }
  const end = entries.slice(index).reduce((least, entry) => (entry.end < least ? entry.end : least), MAX_LSN);
  if (readLsn(position.value) <= end) return undefined;
  const reason = `This member's log of epoch ${position.epoch} ends at ${position.value}, but was left at ${writeLsn(end)}`;
  return { reason, leftAt: end };
}
