// The durable log: segments that are only appended to, and a snapshot beside them. Whatever waits while the disk is
// busy becomes one frame with one sync (group commit), and nothing is acknowledged before its sync returned. After a
// failed write or sync nobody knows what the disk has, not even a second sync that succeeds; so the log
// is poisoned, nothing is tried again, and the process has to end.
import { join } from 'node:path';
import { assert } from '../assert.ts';
import type { HardState, Snapshot, SnapshotMetadata } from '../core/messages.ts';
import { ClosedError, DiskFullError, isDiskFull, StorageFailedError } from '../errors.ts';
import type { DirectoryLock } from './directory-lock.ts';
import { type DiskFile, discard, syncOrFail } from './disk.ts';
import { type DiskSpace, type DurableLogOptions, defaultPreallocateBytes, defaultSegmentBytes } from './log-options.ts';
import { PartialSnapshot, removePartials, type SnapshotKey } from './partial-snapshot.ts';
import { encodeFrame, encodeSegmentHeader, type FrameContent } from './record.ts';
import { maxIndexOf, type Recovered, type RecoveredDisk, recover, type Segment, segmentName } from './recovery.ts';
import { mergeSaves, type Save } from './saves.ts';
import {
  adoptSnapshot,
  openSnapshot,
  readNewestSnapshot,
  removeOlderSnapshots,
  type SnapshotSource,
  temporarySuffix,
  writeSnapshot,
} from './snapshot-file.ts';

export class DurableLog {
  readonly #options: DurableLogOptions;
  readonly #segmentBytes: number;
  readonly #preallocateBytes: number;
  readonly #lock: DirectoryLock;
  readonly #segments: Segment[];
  #file: DiskFile | undefined;
  #end: number;
  /** Up to here the last segment has zeros after its end. */
  #allocated: number;
  /** Whether a write that found no room may have left a part of it after the end. */
  #isHalfWritten = false;
  #space: DiskSpace = 'enough';
  #isRetryDue = false;
  #retry: () => void = () => undefined;
  #isGivenUp = false;
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
    this.#preallocateBytes = options.preallocateBytes ?? defaultPreallocateBytes;
    this.#lock = lock;
    this.#segments = recovered.segments;
    this.#end = recovered.end;
    this.#allocated = recovered.allocated;
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
   * is ignored. Throws DiskFullError, and then nothing is left of it.
   */
  saveSnapshot(snapshot: Snapshot): Promise<void> {
    return this.#afterSnapshots(async () => {
      try {
        await this.#saveSnapshot(snapshot);
      } catch (error) {
        if (isDiskFull(error)) {
          if (this.#space === 'enough') this.#found('short');
          throw new DiskFullError(this.#options.directory, { cause: error });
        }
        throw this.#poison(error);
      }
    });
  }

  /**
   * As `saveSnapshot`, for one from the leader: it waits for room on a full disk, and must be followed by a save with
   * `reset`. One that came in pieces, as which it is on the disk already, is not written again.
   */
  installSnapshot(snapshot: Snapshot, received?: PartialSnapshot): Promise<void> {
    return this.#afterSnapshots(async () => {
      try {
        await this.#whenThereIsRoom(() => this.#saveSnapshot(snapshot, received));
      } catch (error) {
        throw error instanceof ClosedError ? error : this.#poison(error);
      }
    });
  }

  async #saveSnapshot(snapshot: Snapshot, received?: PartialSnapshot): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { index } = snapshot.metadata;
    if (index <= this.#snapshotIndex) return;
    const { disk, directory } = this.#options;
    if (received === undefined) await writeSnapshot(disk, directory, snapshot);
    else await adoptSnapshot(disk, directory, received.path, index);
    this.#snapshot = snapshot.metadata;
    await removeOlderSnapshots(disk, directory, index);
    await removePartials(disk, directory, (key) => key.index <= index);
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
    this.giveUp();
    await this.#flushing;
    await this.#snapshotting;
    try {
      if (this.#isCommitUnwritten && this.#failure === undefined) await this.#write(this.#encode({ entries: [] }));
    } catch (error) {
      // The commit index is a hint, and may be lost.
      if (!isDiskFull(error)) this.#poison(error);
    } finally {
      await this.#file?.close().catch(() => undefined);
      await this.#lock.release();
    }
  }

  /** Saves that wait for room on a full disk wait no longer: they are rejected with ClosedError. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#retry();
  }

  /** Of all segments. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get space(): DiskSpace {
    return this.#space;
  }

  /** Looks whether there is room again. To be called once in a while as long as `space` is not `enough`. */
  retry(): void {
    if (this.#space === 'enough' || this.#isClosed || this.#failure !== undefined) return;
    this.#isRetryDue = true;
    this.#retry();
    this.#flushing ??= this.#flush();
  }

  #found(space: DiskSpace): void {
    if (space === this.#space) return;
    this.#space = space;
    this.#options.onSpace?.(space);
  }

  /** A write that found no room has promised nothing, so it may be tried again; a sync may not. */
  async #whenThereIsRoom<T>(act: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (!isDiskFull(error)) throw error;
      }
      this.#found('full');
      await new Promise<void>((resolve) => {
        this.#retry = resolve;
        if (this.#isGivenUp) resolve();
      });
      if (this.#isGivenUp) throw new ClosedError();
    }
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#isRetryDue) {
      const saves = this.#takeGroup();
      try {
        if (this.#failure !== undefined) throw this.#failure;
        await this.#allocate();
        if (saves.length > 0) {
          const content = mergeSaves(saves);
          const frame = this.#encode(content);
          await this.#whenThereIsRoom(() => this.#write(frame));
          this.#wrote(content);
        }
        for (const save of saves) save.resolve();
      } catch (error) {
        const failure = error instanceof ClosedError ? error : this.#poison(error);
        // What asked for room while the write was under way asks nobody any more.
        this.#isRetryDue = false;
        for (const save of saves) save.reject(failure);
      }
    }
    this.#flushing = undefined;
  }

  /** Begins a segment, or lengthens the last one, when it is time to. A disk without room for that is short. */
  async #allocate(): Promise<void> {
    const isRetry = this.#isRetryDue;
    this.#isRetryDue = false;
    if (this.#space !== 'enough' && !isRetry) return;
    const isEnd = this.#end >= this.#segmentBytes;
    const isLow = this.#preallocateBytes > 0 && this.#allocated - this.#end < this.#preallocateBytes / 2;
    try {
      if (isEnd) await this.#rotate();
      else if (isLow || isRetry) await this.#lengthen();
      this.#found('enough');
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#found('short');
    }
  }

  /** The next sync of a record makes these durable as well. */
  async #lengthen(): Promise<void> {
    const from = Math.max(this.#allocated, this.#end);
    const bytes = Math.max(this.#preallocateBytes, 1);
    await this.#file?.write(new Uint8Array(bytes), from);
    this.#allocated = from + bytes;
  }

  /** All that waits, up to the next reset: within one frame a reset comes first. */
  #takeGroup(): Save[] {
    const nextReset = this.#waiting.findIndex((save, at) => at > 0 && save.reset !== undefined);
    return this.#waiting.splice(0, nextReset < 0 ? this.#waiting.length : nextReset);
  }

  #encode(content: FrameContent): Buffer {
    const hardState = content.hardState ?? (this.#isCommitUnwritten ? this.#hardState : undefined);
    if (hardState !== undefined) this.#hardState = hardState;
    this.#isCommitUnwritten = false;
    return encodeFrame(this.#nextSequence, { ...content, ...(hardState === undefined ? {} : { hardState }) });
  }

  async #write(frame: Buffer): Promise<void> {
    const file = this.#file;
    assert(file !== undefined, 'an open log has a segment');
    if (this.#isHalfWritten) await this.#cutOff(file);
    this.#isHalfWritten = true;
    await file.write(frame, this.#end);
    await syncOrFail(file);
    this.#isHalfWritten = false;
    this.#end += frame.length;
    this.#allocated = Math.max(this.#allocated, this.#end);
    this.#nextSequence += 1;
  }

  /**
   * What an attempt has left must be gone for good before the next. A crash could otherwise leave sectors of both, of
   * which none is missing, and which look like a record that was whole once and has decayed.
   */
  async #cutOff(file: DiskFile): Promise<void> {
    await file.truncate(this.#end);
    await syncOrFail(file);
    this.#allocated = this.#end;
  }

  #wrote(content: FrameContent): void {
    const segment = this.#segments.at(-1);
    assert(segment !== undefined, 'an open log has a segment');
    segment.maxIndex = Math.max(segment.maxIndex, maxIndexOf(content));
    segment.bytes = this.#allocated;
  }

  /** Begins a segment. It appears under its name with a header and a durable first frame, or not at all. */
  async #rotate(): Promise<void> {
    const { disk, directory, id } = this.#options;
    const name = segmentName(this.#nextSequence);
    const path = join(directory, name);
    const frame = encodeFrame(this.#nextSequence, { hardState: this.#hardState, entries: [] });
    const head = Buffer.concat([encodeSegmentHeader(id, this.#nextSequence), frame]);
    const file = await disk.createFile(path + temporarySuffix);
    try {
      await file.write(head, 0);
      if (this.#preallocateBytes > 0) await file.write(new Uint8Array(this.#preallocateBytes), head.length);
    } catch (error) {
      await file.close();
      await discard(disk, path + temporarySuffix);
      throw error;
    }
    await syncOrFail(file);
    await disk.rename(path + temporarySuffix, path);
    await disk.syncDirectory(directory);
    await this.#file?.close();
    this.#file = file;
    this.#segments.push({ name, maxIndex: 0, bytes: head.length + this.#preallocateBytes });
    this.#end = head.length;
    this.#allocated = head.length + this.#preallocateBytes;
    this.#nextSequence += 1;
  }

  #poison(cause: unknown): StorageFailedError {
    if (this.#failure !== undefined) return this.#failure;
    const failure =
      cause instanceof StorageFailedError
        ? cause
        : new StorageFailedError('The disk failed; what is durable is unknown.', { cause });
    this.#failure = failure;
    this.#options.onFatal(failure);
    return failure;
  }
}
