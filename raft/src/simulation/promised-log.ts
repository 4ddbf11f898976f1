// What a peer's disk owes: everything that a sync confirmed. The simulator reads it off the writes themselves and does
// not ask the code under test, so that a log which forgets, or which claims too soon, is found out.
import { crc32 } from 'node:zlib';
import type { Entry, HardState, SnapshotMetadata } from '../core/messages.ts';
import { decodeFrame, type FrameContent, frameHeaderBytes, segmentHeaderBytes } from '../storage/record.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedFile } from './simulated-file.ts';

export class PromisedLog {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  snapshotIndex = 0;
  lastIndex = 0;
  readonly #entries = new Map<number, Entry>();

  add(content: FrameContent): void {
    if (content.reset !== undefined) {
      this.#entries.clear();
      this.lastIndex = content.reset.index;
    }
    if (content.hardState !== undefined) this.hardState = content.hardState;
    const first = content.entries[0];
    if (first === undefined) return;
    for (let index = first.index; index <= this.lastIndex; index += 1) this.#entries.delete(index);
    for (const entry of content.entries) this.#entries.set(entry.index, entry);
    this.lastIndex = first.index + content.entries.length - 1;
  }

  /** A snapshot is durable. A log that does not have the entry that it ends with is void (figure 13, step 7). */
  snapshotted({ index, term }: SnapshotMetadata): void {
    if (index <= this.snapshotIndex) return;
    this.snapshotIndex = index;
    const own = this.#entries.get(index);
    if (index <= this.lastIndex && (own === undefined || own.term === term)) return;
    this.#entries.clear();
    this.lastIndex = index;
  }

  copy(): PromisedLog {
    const copy = new PromisedLog();
    copy.hardState = this.hardState;
    copy.snapshotIndex = this.snapshotIndex;
    copy.lastIndex = this.lastIndex;
    for (const [index, entry] of this.#entries) copy.#entries.set(index, entry);
    return copy;
  }

  /** Whether `found` has all of this, no more, and at most newer snapshots. */
  isKeptBy(found: PromisedLog): boolean {
    const { term, vote } = this.hardState;
    if (found.hardState.term < term || (found.hardState.term === term && found.hardState.vote !== vote)) return false;
    if (found.snapshotIndex < this.snapshotIndex) return false;
    if (found.lastIndex !== Math.max(this.lastIndex, found.snapshotIndex)) return false;
    for (let index = found.snapshotIndex + 1; index <= this.lastIndex; index += 1) {
      if (found.#entries.get(index)?.term !== this.#entries.get(index)?.term) return false;
    }
    return true;
  }

  entry(index: number): Entry | undefined {
    return this.#entries.get(index);
  }

  /** Whether this entry can be read back, by itself or in a snapshot. */
  has(index: number, term: number): boolean {
    return index <= this.snapshotIndex || this.#entries.get(index)?.term === term;
  }
}

/** The frame that was written at the beginning of this data, if it is one. */
export function frameIn(data: Uint8Array): FrameContent | undefined {
  if (data.length < frameHeaderBytes) return undefined;
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.length);
  return decodeFrame(buffer, 0, Number(buffer.readBigUInt64LE(8)));
}

const snapshotHeaderBytes = 36;
/** What snapshots cover, read before a bit of them could rot. */
const snapshots = new WeakMap<SimulatedFile, SnapshotMetadata>();

/** What the snapshot with this name covers; undefined when the name is no snapshot's, or its content is not whole. */
export function snapshotIn(disk: SimulatedDisk, name: string): SnapshotMetadata | undefined {
  const file = name.endsWith('.snapshot') ? disk.find(name) : undefined;
  if (file === undefined) return undefined;
  const known = snapshots.get(file);
  if (known !== undefined) return known;
  const content = file.cached.copy();
  if (content.length < snapshotHeaderBytes) return undefined;
  const checksum = crc32(content.subarray(snapshotHeaderBytes), crc32(content.subarray(0, 32)));
  if (checksum !== content.readUInt32LE(32)) return undefined;
  const metadata = { index: Number(content.readBigUInt64LE(8)), term: Number(content.readBigUInt64LE(16)) };
  snapshots.set(file, metadata);
  return metadata;
}

/** What a process that starts on this disk finds, read without the code that it reads it with. */
export function readPromises(disk: SimulatedDisk): PromisedLog {
  const log = new PromisedLog();
  for (const name of disk.names.filter((other) => other.endsWith('.log'))) {
    const content = disk.file(name).cached.copy();
    let sequence = Number.parseInt(name, 10);
    for (let at = segmentHeaderBytes; at < content.length; sequence += 1) {
      const frame = decodeFrame(content, at, sequence);
      if (frame === undefined) break;
      log.add(frame);
      at = frame.end;
    }
  }
  for (const name of disk.names) {
    const snapshot = snapshotIn(disk, name);
    if (snapshot !== undefined) log.snapshotted(snapshot);
  }
  return log;
}
