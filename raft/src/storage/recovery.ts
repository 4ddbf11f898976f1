// What a restarted peer makes of its directory. A crash can leave only one kind of trace: the last frame of the last
// segment is torn, and since nobody was told that it is durable, it is cut off. Everything else that does not read
// back as it was written was durable once and is lost now; a peer that forgot what it promised must not take part.
import { join } from 'node:path';
import type { Entry, HardState, Snapshot, SnapshotMetadata } from '../core/messages.ts';
import { LogDamagedError } from '../errors.ts';
import type { Disk } from './disk.ts';
import { removePartials } from './partial-snapshot.ts';
import {
  decodeFrame,
  decodeSegmentHeader,
  type Frame,
  type FrameContent,
  hasLaterFrame,
  isZero,
  mayBeTorn,
  segmentHeaderBytes,
} from './record.ts';
import { readNewestSnapshot, temporarySuffix } from './snapshot-file.ts';

const segmentSuffix = '.log';

export interface Segment {
  readonly name: string;
  /** The largest index that it has an entry of, or a reset to; 0 when it has none. */
  maxIndex: number;
  /** Of its file. */
  bytes: number;
}

export interface Recovered {
  readonly hardState: HardState;
  readonly snapshot?: Snapshot;
  readonly entries: readonly Entry[];
}

export interface RecoveredDisk extends Recovered {
  readonly segments: Segment[];
  readonly nextSequence: number;
  /** Where the last segment ends, in bytes. */
  readonly end: number;
  /** Up to here the last segment has zeros after its end. */
  readonly allocated: number;
  /** The snapshot came from a leader and the log does not know it yet: the next frame must reset it. */
  readonly mustReset: boolean;
}

export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(16, '0')}${segmentSuffix}`;
}

export function maxIndexOf(content: FrameContent): number {
  return content.entries.reduce((max, entry) => Math.max(max, entry.index), content.reset?.index ?? 0);
}

/** What the frames read so far say. */
class Replay {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  base: FrameContent['reset'];
  entries: Entry[] = [];

  frame(frame: Frame, file: string, offset: number): void {
    if (frame.reset !== undefined) {
      this.base = frame.reset;
      this.entries = [];
    }
    if (frame.hardState !== undefined) this.hardState = frame.hardState;
    for (const entry of frame.entries) this.#entry(entry, file, offset);
  }

  #entry(entry: Entry, file: string, offset: number): void {
    const first = this.entries[0]?.index ?? entry.index;
    const last = this.entries.at(-1)?.index ?? this.base?.index;
    if (last !== undefined && entry.index > last + 1) {
      throw new LogDamagedError(file, offset, `entry ${entry.index} follows entry ${last}`);
    }
    // A later write replaces what a former leader left (§5.3). What lies before the first segment was compacted.
    if (entry.index < first) this.entries = [];
    else this.entries.length = entry.index - first;
    this.entries.push(entry);
  }

  /** Whether the log had the entry that the snapshot ends with; a log without it is not the snapshot's. */
  continues({ index, term }: SnapshotMetadata): boolean {
    if (this.base?.index === index && this.base.term === term) return true;
    return this.entries.some((entry) => entry.index === index && entry.term === term);
  }
}

/** Reads the directory of peer `id`, which is locked. Removes what a crash left half made. Throws LogDamagedError. */
export async function recover(disk: Disk, directory: string, id: number): Promise<RecoveredDisk> {
  const names = await disk.list(directory);
  for (const name of names) if (name.endsWith(temporarySuffix)) await disk.remove(join(directory, name));
  const snapshot = await readNewestSnapshot(disk, directory);
  await removePartials(disk, directory, ({ index }) => index <= (snapshot?.metadata.index ?? 0));
  const replay = new Replay();
  const segments: Segment[] = [];
  let nextSequence = 0;
  let end = 0;
  let allocated = 0;
  const segmentNames = names.filter((name) => name.endsWith(segmentSuffix)).sort();
  for (const name of segmentNames) {
    const path = join(directory, name);
    const content = Buffer.from(await disk.readFile(path));
    const header = decodeSegmentHeader(content);
    if (header === undefined) throw new LogDamagedError(path, 0, 'this is not the beginning of a segment');
    if (header.id !== id) throw new LogDamagedError(path, 8, `this is the log of peer ${header.id}, not of ${id}`);
    if (segmentName(header.sequence) !== name || (segments.length > 0 && header.sequence !== nextSequence)) {
      throw new LogDamagedError(path, 16, `it begins with frame ${header.sequence}; segments are missing or mixed`);
    }
    const segment: Segment = { name, maxIndex: 0, bytes: content.length };
    segments.push(segment);
    const isLast = name === segmentNames.at(-1);
    const read = readSegment(content, path, header.sequence, isLast, (frame, at) => {
      replay.frame(frame, path, at);
      segment.maxIndex = Math.max(segment.maxIndex, maxIndexOf(frame));
    });
    nextSequence = read.nextSequence;
    end = read.end;
    if (isLast) allocated = await seal(disk, path, content, read);
  }
  await disk.syncDirectory(directory);
  return { ...conclude(replay, snapshot, directory), segments, nextSequence, end, allocated };
}

function readSegment(
  content: Buffer,
  path: string,
  first: number,
  isLast: boolean,
  onFrame: (frame: Frame, at: number) => void,
): { nextSequence: number; lastFrameAt: number; end: number } {
  let sequence = first;
  let at = segmentHeaderBytes;
  let lastFrameAt = at;
  for (; at < content.length; sequence += 1) {
    const frame = decodeFrame(content, at, sequence);
    if (frame === undefined) break;
    onFrame(frame, at);
    lastFrameAt = at;
    at = frame.end;
  }
  if (sequence === first) {
    // A segment gets its name when its first frame is durable, so that one cannot be torn.
    throw new LogDamagedError(path, at, 'the first record does not read back as it was written');
  }
  if (isZero(content.subarray(at))) return { nextSequence: sequence, lastFrameAt, end: at };
  if (!isLast || hasLaterFrame(content, at + 1, sequence)) {
    throw new LogDamagedError(path, at, 'a record before the last one does not read back as it was written');
  }
  if (!mayBeTorn(content, at)) {
    throw new LogDamagedError(path, at, 'the last record was written wholly, and has changed since');
  }
  return { nextSequence: sequence, lastFrameAt, end: at };
}

/**
 * Cuts a torn frame off, or a later crash could show it in the middle of the log. Zeros behind the last frame were
 * written ahead and stay; the result is up to where there are any. And makes durable what was read: the
 * former process may have died between its write and its sync, and what we build on that must not vanish. It may also
 * have died because its sync failed. Then the system still shows what it could not write, and would call a second sync
 * of it a success without writing anything; so the last frame is written again.
 */
async function seal(
  disk: Disk,
  path: string,
  content: Buffer,
  { lastFrameAt, end }: { lastFrameAt: number; end: number },
): Promise<number> {
  const isClean = isZero(content.subarray(end));
  const file = await disk.openFile(path);
  try {
    if (!isClean) await file.truncate(end);
    await file.write(content.subarray(lastFrameAt, end), lastFrameAt);
    await file.sync();
    return isClean ? content.length : end;
  } finally {
    await file.close();
  }
}

function conclude(
  replay: Replay,
  snapshot: Snapshot | undefined,
  directory: string,
): Recovered & { readonly mustReset: boolean } {
  const { hardState } = replay;
  const base = snapshot?.metadata ?? { index: 0, term: 0 };
  const first = replay.entries[0]?.index ?? base.index + 1;
  if (first > base.index + 1 || (replay.base?.index ?? 0) > base.index) {
    throw new LogDamagedError(directory, 0, `entries or a snapshot before entry ${first} are missing`);
  }

  // A crash between a leader's snapshot and the reset of the log leaves both: the log is the one that is void.
  const isContinued = snapshot === undefined || replay.continues(base);
  if (!isContinued && replay.entries.length > 0 && first > base.index) {
    throw new LogDamagedError(directory, 0, `entry ${base.index}, which ties the snapshot to the log, is missing`);
  }
  const entries = isContinued ? replay.entries.filter((entry) => entry.index > base.index) : [];
  const last = entries.at(-1)?.index ?? base.index;
  if (hardState.commit > last) {
    throw new LogDamagedError(directory, 0, `entry ${hardState.commit} was committed, but the log ends at ${last}`);
  }
  const term = Math.max(hardState.term, base.term);
  const vote = term === hardState.term ? hardState.vote : 0;
  return {
    hardState: { term, vote, commit: Math.max(hardState.commit, base.index) },
    ...(snapshot === undefined ? {} : { snapshot }),
    entries,
    mustReset: !isContinued,
  };
}
