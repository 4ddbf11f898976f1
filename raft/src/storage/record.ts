// The log's records on disk. A frame is what one write and one sync make durable: its header has the length and a
// CRC-32 over all the rest, and a sequence number that counts frames over all segments, so that a frame
// in the wrong place is told from the right one. All numbers are little-endian; indexes and terms are doubles' whole
// numbers (below 2^53) stored in 64 bits.
import { crc32 } from 'node:zlib';
import { assert } from '../assert.ts';
import type { Entry, EntryType, HardState, SnapshotMetadata } from '../core/messages.ts';

/** crc32 (4), length of the payload (4), sequence (8). */
export const frameHeaderBytes = 16;
/** Magic (8), peer id (8), sequence of the first frame (8), crc32 of these (4). */
export const segmentHeaderBytes = 28;
/** A length above this is damage, not a frame. */
export const maxFrameBytes = 256 * 1024 * 1024;

const segmentMagic = Buffer.from('RAFTLOG1');
const kinds = { hardState: 1, entry: 2, reset: 3, confChange: 4, confChangeV2: 5, wrapped: 6 } as const;
/** All entries look alike; their type is their record's kind. */
const entryKinds: Record<EntryType, number> = {
  EntryNormal: kinds.entry,
  EntryConfChange: kinds.confChange,
  EntryConfChangeV2: kinds.confChangeV2,
  EntryWrapped: kinds.wrapped,
};
const entryTypes = new Map(Object.entries(entryKinds).map(([type, kind]) => [kind, type as EntryType]));

/** What one write makes durable, in this order. */
export interface FrameContent {
  /** The log is replaced: it begins after this entry, which a durable snapshot covers. */
  readonly reset?: Pick<SnapshotMetadata, 'index' | 'term'>;
  readonly hardState?: HardState;
  /** They replace what the log has from the first one's index on. */
  readonly entries: readonly Entry[];
}

export interface Frame extends FrameContent {
  readonly sequence: number;
  /** Where the frame ends in its file. */
  readonly end: number;
}

class Writer {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: number, from: number) {
    this.#buffer = Buffer.allocUnsafe(bytes);
    this.#at = from;
  }

  byte(value: number): void {
    this.#at = this.#buffer.writeUInt8(value, this.#at);
  }

  word(value: number): void {
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }

  number(value: number): void {
    writeNumber(this.#buffer, value, this.#at);
    this.#at += 8;
  }

  bytes(value: Uint8Array): void {
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  finish(): Buffer {
    assert(this.#at === this.#buffer.length, 'the size of a frame is known before it is written');
    return this.#buffer;
  }
}

function writeNumber(buffer: Buffer, value: number, at: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, `${value} is not a whole number below 2^53`);
  buffer.writeUInt32LE(value % 2 ** 32, at);
  buffer.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

function readNumber(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 2 ** 32;
}

export function encodeFrame(sequence: number, content: FrameContent): Buffer {
  const { reset, hardState, entries } = content;
  let bytes = frameHeaderBytes + (reset === undefined ? 0 : 17) + (hardState === undefined ? 0 : 25);
  for (const entry of entries) bytes += 21 + entry.data.length;
  assert(bytes <= maxFrameBytes, `a frame of ${bytes} bytes`);
  const writer = new Writer(bytes, frameHeaderBytes);
  if (reset !== undefined) {
    writer.byte(kinds.reset);
    writer.number(reset.index);
    writer.number(reset.term);
  }
  if (hardState !== undefined) {
    writer.byte(kinds.hardState);
    writer.number(hardState.term);
    writer.number(hardState.vote);
    writer.number(hardState.commit);
  }
  for (const entry of entries) {
    writer.byte(entryKinds[entry.type ?? 'EntryNormal']);
    writer.number(entry.index);
    writer.number(entry.term);
    writer.word(entry.data.length);
    writer.bytes(entry.data);
  }
  const buffer = writer.finish();
  buffer.writeUInt32LE(bytes - frameHeaderBytes, 4);
  writeNumber(buffer, sequence, 8);
  buffer.writeUInt32LE(crc32(buffer.subarray(4)), 0);
  return buffer;
}

/** The frame with this sequence number at this place, or undefined when what is there is none. */
export function decodeFrame(buffer: Buffer, at: number, sequence: number): Frame | undefined {
  if (at + frameHeaderBytes > buffer.length) return undefined;
  const length = buffer.readUInt32LE(at + 4);
  const end = at + frameHeaderBytes + length;
  if (length > maxFrameBytes || end > buffer.length || readNumber(buffer, at + 8) !== sequence) return undefined;
  if (crc32(buffer.subarray(at + 4, end)) !== buffer.readUInt32LE(at)) return undefined;
  return { ...decodeContent(buffer.subarray(at + frameHeaderBytes, end)), sequence, end };
}

/** The checksum was right, so what is wrong here was written wrong. */
function decodeContent(payload: Buffer): FrameContent {
  let reset: FrameContent['reset'];
  let hardState: HardState | undefined;
  const entries: Entry[] = [];
  for (let at = 0; at < payload.length; ) {
    const kind = payload.readUInt8(at);
    const numberAt = (position: number) => readNumber(payload, at + 1 + 8 * position);
    if (kind === kinds.reset) {
      reset = { index: numberAt(0), term: numberAt(1) };
      at += 17;
    } else if (kind === kinds.hardState) {
      hardState = { term: numberAt(0), vote: numberAt(1), commit: numberAt(2) };
      at += 25;
    } else {
      const type = entryTypes.get(kind);
      assert(type !== undefined, `a record of the unknown kind ${kind}: was it written by a later version?`);
      const length = payload.readUInt32LE(at + 17);
      const data = payload.subarray(at + 21, at + 21 + length);
      const place = { index: numberAt(0), term: numberAt(1) };
      entries.push(type === 'EntryNormal' ? { ...place, data } : { ...place, type, data });
      at += 21 + length;
    }
  }
  return {
    ...(reset === undefined ? {} : { reset }),
    ...(hardState === undefined ? {} : { hardState }),
    entries,
  };
}

/** Whether any frame with a sequence number after `sequence` begins at or after `from`. */
export function hasLaterFrame(buffer: Buffer, from: number, sequence: number): boolean {
  for (let at = from; at + frameHeaderBytes <= buffer.length; at += 1) {
    const found = readNumber(buffer, at + 8);
    // Far numbers are chance, and checking each one's checksum would take hours in a large segment.
    if (found <= sequence || found > sequence + buffer.length) continue;
    if (decodeFrame(buffer, at, found) !== undefined) return true;
  }
  return false;
}

const zeros = Buffer.alloc(64 * 1024);
/** A disk writes so many bytes wholly or not at all. */
const sectorBytes = 512;

export function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const piece = bytes.subarray(at, at + zeros.length);
    if (!piece.equals(zeros.subarray(0, piece.length))) return false;
  }
  return true;
}

/**
 * Whether a crash can have left this instead of a frame at `at`, where there were zeros before: then a sector of it is
 * missing (etcd's isTornEntry), or its end is. If neither is, it was there once, and has changed.
 */
export function mayBeTorn(buffer: Buffer, at: number): boolean {
  if (at + frameHeaderBytes > buffer.length) return true;
  const end = at + frameHeaderBytes + buffer.readUInt32LE(at + 4);
  if (end > buffer.length || buffer[end - 1] === 0) return true;
  for (let from = at; from < end; ) {
    const to = Math.min(end, from + sectorBytes - (from % sectorBytes));
    if (isZero(buffer.subarray(from, to))) return true;
    from = to;
  }
  return false;
}

export function encodeSegmentHeader(id: number, sequence: number): Buffer {
  const buffer = Buffer.alloc(segmentHeaderBytes);
  buffer.set(segmentMagic);
  writeNumber(buffer, id, 8);
  writeNumber(buffer, sequence, 16);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, 24)), 24);
  return buffer;
}

/** Whose log it is and which frame comes first, or undefined when this is no header. */
export function decodeSegmentHeader(buffer: Buffer): { id: number; sequence: number } | undefined {
  if (buffer.length < segmentHeaderBytes || !buffer.subarray(0, 8).equals(segmentMagic)) return undefined;
  if (crc32(buffer.subarray(0, 24)) !== buffer.readUInt32LE(24)) return undefined;
  return { id: readNumber(buffer, 8), sequence: readNumber(buffer, 16) };
}
