// What a database has on its volume: a log of records, and what its control file says. Records are shared between the
// members that have them, so two logs that hold the same object hold the same history up to it.
import type { Random } from 'raft-ts/simulation';

export type RecordKind = 'first' | 'write' | 'heartbeat' | 'barrier' | 'object' | 'checkpoint';

export interface LogRecord {
  /** The timeline that it stands on. */
  readonly timeline: number;
  /** Bytes of the log before it, and with it. */
  readonly start: number;
  readonly end: number;
  readonly kind: RecordKind;
  /** Of a write: its number. Of an object: its name. */
  readonly content: string;
  readonly previous: LogRecord | undefined;
  /** Who wrote it. */
  readonly by: string;
}

const FIRST_BYTE = 0x1500028;
const SEGMENT_BYTES = 16 * 1024 * 1024;
const LEAST_BYTES = 48;

export function writeLsn(lsn: number): string {
  const [high, low] = [Math.floor(lsn / 2 ** 32), lsn % 2 ** 32];
  return `${high.toString(16)}/${low.toString(16)}`.toUpperCase();
}

export function readLsn(text: string): number {
  const [high = '0', low = '0'] = text.split('/');
  return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
}

export function historyName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}

/** The ancestors that a history file names, each with where it was left. */
export function readHistory(text: string): { readonly timeline: number; readonly end: number }[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
    .map(([timeline = '', end = '']) => ({ timeline: Number(timeline), end: readLsn(end) }));
}

export class DataDirectory {
  readonly systemId: string;
  records: LogRecord[];
  /** So many records are on the disk for good. */
  flushed: number;
  /** Of this record a part was received. */
  partial: LogRecord | undefined;
  /** The control file's. */
  timeline: number;
  readonly slots = new Set<string>();
  /** False until it was synced after it was made. */
  isSynced = false;

  constructor(systemId: string, records: readonly LogRecord[], timeline: number) {
    this.systemId = systemId;
    this.records = [...records];
    this.flushed = records.length;
    this.timeline = timeline;
  }

  get last(): LogRecord | undefined {
    return this.records.at(-1);
  }

  append(kind: RecordKind, content: string, timeline: number, by: string): LogRecord {
    const previous = this.last;
    const start = previous?.end ?? FIRST_BYTE;
    const record = { timeline, start, end: start + LEAST_BYTES + content.length, kind, content, previous, by };
    this.records.push(record);
    return record;
  }

  /** What a crash leaves of what was not flushed: a beginning of it. */
  crash(random: Random, keepsUnsynced: boolean): void {
    const unsynced = this.records.length - this.flushed;
    this.records.length = this.flushed + (keepsUnsynced ? random.below(unsynced + 1) : 0);
    this.flushed = this.records.length;
    if (this.partial?.previous !== this.last) this.partial = undefined;
  }

  /** Where the record of this number, counted from 1, ends. */
  endOf(count: number): number {
    return this.records[count - 1]?.end ?? FIRST_BYTE;
  }

  /** The number of records that end at or before a byte. */
  countUpTo(byte: number): number {
    let [low, high] = [0, this.records.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.records[middle] as LogRecord).end <= byte) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  has(record: LogRecord): boolean {
    return this.records[this.countUpTo(record.end) - 1] === record;
  }

  /** The names of the log's segments: one timeline's go from its first record on. */
  segmentNames(): string[] {
    const names = new Set<string>();
    const add = (timeline: number, byte: number): void => {
      const segment = Math.floor(byte / SEGMENT_BYTES);
      const perLog = 2 ** 32 / SEGMENT_BYTES;
      const parts = [timeline, Math.floor(segment / perLog), segment % perLog];
      names.add(parts.map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join(''));
    };
    let timeline = 0;
    for (const record of this.records) {
      if (record.timeline === timeline) continue;
      timeline = record.timeline;
      add(timeline, record.start);
    }
    for (let at = this.records.length - 1; at >= 0; at -= 1) {
      const record = this.records[at] as LogRecord;
      if (at === this.records.length - 1 || this.records[at + 1]?.timeline !== record.timeline) {
        add(record.timeline, record.end - 1);
      }
    }
    if (this.partial !== undefined) add(this.partial.timeline, this.partial.start);
    return [...names];
  }
}
