// The durable log: segments that are only appended to, and a snapshot beside them. Whatever waits while the disk is
// busy becomes one frame with one sync (group commit), and nothing is acknowledged before its sync returned. After a
// failed write or sync nobody knows what the disk has, not even a second sync that succeeds; so the log
// is poisoned, nothing is tried again, and the process has to end.
import { join } from 'node:path';
import { assert } from '../assert.ts';
import type { HardState, Snapshot, SnapshotMetadata } from '../core/messages.ts';
import { ClosedError, StorageFailedError } from '../errors.ts';
import type { DirectoryLock } from './directory-lock.ts';
import type { Disk, DiskFile } from './disk.ts';
import { PartialSnapshot, removePartials, type SnapshotKey } from './partial-snapshot.ts';
import { encodeFrame, encodeSegmentHeader, type FrameContent, segmentHeaderBytes } from './record.ts';
import { maxIndexOf, type Recovered, type RecoveredDisk, recover, type Segment, segmentName } from './recovery.ts';
import {
  adoptSnapshot,
  openSnapshot,
  readNewestSnapshot,
  removeOlderSnapshots,
  type SnapshotSource,
  temporarySuffix,
  writeSnapshot,
} from './snapshot-file.ts';

/** A segment that has reached this size is not written to any more. */
export const defaultSegmentBytes = 16 * 1024 * 1024;

export interface DurableLogOptions {
  /** The peer whose log this is. A directory of another peer is refused. */
  readonly id: number;
  readonly directory: string;
  readonly disk: Disk;
  readonly segmentBytes?: number;
  /** Called once, when the disk failed. The process must end. */
  readonly onFatal: (error: Error) => void;
}

interface Save extends FrameContent {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class DurableLog {
  readonly #options: DurableLogOptions;
  readonly #segmentBytes: number;
  readonly #lock: DirectoryLock;
  readonly #segments: Segment[];
  #file: DiskFile | undefined;
  #end: number;
  #nextSequence: number;
  #hardState: HardState;
  /** Whether the disk has an older commit index than `#hardState`. */
  #isCommitUnwritten = false;
  #snapshot: SnapshotMetadata | undefined;
  #waiting: Save[] = [];
  #flushing: Promise<void> | undefined;
  #snapshotting: Promise<void> = Promise.resolve();
  #failure: StorageFailedError | undefined;
  #isClosed = false;

  private constructor(options: DurableLogOptions, lock: DirectoryLock, recovered: RecoveredDisk) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? defaultSegmentBytes;
    this.#lock = lock;
    this.#segments = recovered.segments;
    this.#end = recovered.end;
    this.#nextSequence = Math.max(recovered.nextSequence, 1);
    this.#hardState = recovered.hardState;
    this.#snapshot = recovered.snapshot?.metadata;
  }

  /**
   * Opens the log of peer `id`, or makes a new one, and returns what it holds.
   * Throws DirectoryLockedError and LogDamagedError.
   */
  static async open(options: DurableLogOptions): Promise<{ log: DurableLog; recovered: Recovered }> {
    const { disk, directory, id } = options;
    await disk.makeDirectory(directory);
    const lock = await disk.lock(directory);
    try {
      const recovered = await recover(disk, directory, id);
      const log = new DurableLog(options, lock, recovered);
      await log.#begin(recovered);
      return { log, recovered };
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async #begin({ segments, snapshot, mustReset, hardState }: RecoveredDisk): Promise<void> {
    const last = segments.at(-1);
    if (last === undefined) await this.#rotate();
    else this.#file = await this.#options.disk.openFile(join(this.#options.directory, last.name));
    if (mustReset && snapshot !== undefined) await this.save({ reset: snapshot.metadata, hardState, entries: [] });
  }

  /** Resolves when all of it is durable. Saves become durable in the order in which they were asked for. */
  save(content: FrameContent): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isClosed) return Promise.reject(new ClosedError());
    const saved = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ ...content, resolve, reject });
    });
    this.#flushing ??= this.#flush();
    return saved;
  }

  /** Notes a commit index that nothing depends on yet; it is written with whatever comes next. */
  noteCommit(hardState: HardState): void {
    this.#hardState = hardState;
    this.#isCommitUnwritten = true;
  }

  get #snapshotIndex(): number {
    return this.#snapshot?.index ?? 0;
  }

  /**
   * Resolves when the snapshot is durable and older ones are gone. One that is older than what the disk has
   * is ignored. A snapshot from the leader must be followed by a save with `reset`. One that came in pieces, as which
   * it is on the disk already, is not written again.
   */
  saveSnapshot(snapshot: Snapshot, received?: PartialSnapshot): Promise<void> {
    return this.#afterSnapshots(() => this.#saveSnapshot(snapshot, received));
  }

  async #saveSnapshot(snapshot: Snapshot, received?: PartialSnapshot): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { index } = snapshot.metadata;
    if (index <= this.#snapshotIndex) return;
    const { disk, directory } = this.#options;
    try {
      if (received === undefined) await writeSnapshot(disk, directory, snapshot);
      else await adoptSnapshot(disk, directory, received.path, index);
      this.#snapshot = snapshot.metadata;
      await removeOlderSnapshots(disk, directory, index);
      await removePartials(disk, directory, (key) => key.index <= index);
    } catch (error) {
      throw this.#poison(error);
    }
  }

  /** The newest durable snapshot, to be sent. Whoever opens it must close it. */
  openSnapshot(): Promise<SnapshotSource | undefined> {
    const { disk, directory } = this.#options;
    return this.#afterSnapshots(async () => this.#snapshot && openSnapshot(disk, directory, this.#snapshot));
  }

  /** The newest durable snapshot, all of it. */
  readSnapshot(): Promise<Snapshot | undefined> {
    return this.#afterSnapshots(() => readNewestSnapshot(this.#options.disk, this.#options.directory));
  }

  /** Goes on with a snapshot that comes in pieces, where it was left. Pieces of others are removed. */
  receiveSnapshot(key: SnapshotKey): Promise<PartialSnapshot> {
    return this.#afterSnapshots(() => PartialSnapshot.open(this.#options.disk, this.#options.directory, key));
  }

  /** One thing at a time is done to snapshots. */
  async #afterSnapshots<T>(act: () => Promise<T>): Promise<T> {
    const work = this.#snapshotting.then(act);
    this.#snapshotting = work.then(
      () => undefined,
      () => undefined,
    );
    return work;
  }

  /** Deletes the segments that the durable snapshot covers wholly. The one with its last entry stays as its witness. */
  compact(): Promise<void> {
    return this.#afterSnapshots(() => this.#compact());
  }

  async #compact(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { disk, directory } = this.#options;
    try {
      for (let first = this.#segments[0]; first !== undefined; first = this.#segments[0]) {
        if (this.#segments.length < 2 || first.maxIndex >= this.#snapshotIndex) return;
        // Each is gone for good before the next goes: a crash must leave no hole between two that are left.
        await disk.remove(join(directory, first.name));
        await disk.syncDirectory(directory);
        this.#segments.shift();
      }
    } catch (error) {
      throw this.#poison(error);
    }
  }

  /** Writes what waits, also the last commit index, and lets go of the directory. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#flushing;
    await this.#snapshotting;
    try {
      if (this.#isCommitUnwritten && this.#failure === undefined) await this.#write({ entries: [] });
    } catch (error) {
      this.#poison(error);
    } finally {
      await this.#file?.close().catch(() => undefined);
      await this.#lock.release();
    }
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const saves = this.#takeGroup();
      try {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#end >= this.#segmentBytes) await this.#rotate();
        await this.#write(mergeSaves(saves));
        for (const save of saves) save.resolve();
      } catch (error) {
        const failure = this.#poison(error);
        for (const save of saves) save.reject(failure);
      }
    }
    this.#flushing = undefined;
  }

  /** All that waits, up to the next reset: within one frame a reset comes first. */
  #takeGroup(): Save[] {
    const nextReset = this.#waiting.findIndex((save, at) => at > 0 && save.reset !== undefined);
    return this.#waiting.splice(0, nextReset < 0 ? this.#waiting.length : nextReset);
  }

  async #write(content: FrameContent): Promise<void> {
    const file = this.#file;
    const segment = this.#segments.at(-1);
    assert(file !== undefined && segment !== undefined, 'an open log has a segment');
    const hardState = content.hardState ?? (this.#isCommitUnwritten ? this.#hardState : undefined);
    const frame = encodeFrame(this.#nextSequence, { ...content, ...(hardState === undefined ? {} : { hardState }) });
    if (hardState !== undefined) this.#hardState = hardState;
    this.#isCommitUnwritten = false;
    await file.write(frame, this.#end);
    await file.sync();
    this.#end += frame.length;
    this.#nextSequence += 1;
    segment.maxIndex = Math.max(segment.maxIndex, maxIndexOf(content));
  }

  /** Begins a segment. It appears under its name with a header and a durable first frame, or not at all. */
  async #rotate(): Promise<void> {
    const { disk, directory, id } = this.#options;
    const name = segmentName(this.#nextSequence);
    const path = join(directory, name);
    const frame = encodeFrame(this.#nextSequence, { hardState: this.#hardState, entries: [] });
    const file = await disk.createFile(path + temporarySuffix);
    await file.write(encodeSegmentHeader(id, this.#nextSequence), 0);
    await file.write(frame, segmentHeaderBytes);
    await file.sync();
    await disk.rename(path + temporarySuffix, path);
    await disk.syncDirectory(directory);
    await this.#file?.close();
    this.#file = file;
    this.#segments.push({ name, maxIndex: 0 });
    this.#end = segmentHeaderBytes + frame.length;
    this.#nextSequence += 1;
  }

  #poison(cause: unknown): StorageFailedError {
    if (this.#failure !== undefined) return this.#failure;
    const failure = new StorageFailedError('The disk failed; what is durable is unknown.', { cause });
    this.#failure = failure;
    this.#options.onFatal(failure);
    return failure;
  }
}

/** Later saves win: entries replace those from the first one's index on, as they would on reading back. */
function mergeSaves(saves: readonly Save[]): FrameContent {
  const reset = saves[0]?.reset;
  const hardState = saves.findLast((save) => save.hardState !== undefined)?.hardState;
  return {
    ...(reset === undefined ? {} : { reset }),
    ...(hardState === undefined ? {} : { hardState }),
    entries: saves.flatMap((save) => save.entries),
  };
}
