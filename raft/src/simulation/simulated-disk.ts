// A disk behind the interface of the real one. It outlives the processes that use it: each opens a session, and what a
// session asked for and did not get before its process died may have happened or not. Names, like contents, are
// durable only when they were synced; until then a loss of power keeps any of the changes.
import { basename } from 'node:path';
import type { DirectoryLock } from '../storage/directory-lock.ts';
import type { Disk, DiskFile } from '../storage/disk.ts';
import type { Random } from './random.ts';
import { type LossMode, lossModes, SimulatedFile } from './simulated-file.ts';
import type { Timeline } from './timeline.ts';

type NameChange =
  | { readonly type: 'create'; readonly name: string; readonly file: SimulatedFile }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }
  | { readonly type: 'remove'; readonly name: string };

export interface DiskHabits {
  readonly sectorBytes: 512 | 4096;
  readonly writeMs: number;
  readonly syncMs: number;
}

/** What of the disk's doings others watch. */
export interface DiskWatcher {
  wrote(file: SimulatedFile, name: string, position: number, data: Uint8Array): void;
  synced(file: SimulatedFile, writes: number): void;
  syncedNames(names: readonly string[]): void;
  failed(what: 'sync' | 'full'): void;
  notice(what: string): void;
}

/** Longer no operation takes, on the slowest disk. */
const longestMs = 10_000;

interface Underway {
  readonly effect: (share: number) => void;
}

export class SimulatedDisk {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #habits: DiskHabits;
  readonly watcher: DiskWatcher;
  #names = new Map<string, SimulatedFile>();
  #durableNames = new Map<string, SimulatedFile>();
  #nameChanges: NameChange[] = [];
  #underway = new Set<Underway>();
  /** How much slower than usual it is. */
  slowness = 1;
  isFull = false;
  /** The next syncs of files that fail. */
  failingSyncs = 0;
  /** The next sync of a file whose name ends like this takes so many milliseconds. */
  stall: { readonly suffix: string; readonly ms: number } | undefined;

  constructor(timeline: Timeline, random: Random, habits: DiskHabits, watcher: DiskWatcher) {
    this.#timeline = timeline;
    this.#random = random;
    this.#habits = habits;
    this.watcher = watcher;
  }

  /** The process that asks is gone once `isAlive` says so; then nothing is answered any more. */
  session(isAlive: () => boolean, deliver: (act: () => void) => void): Disk {
    return new Session(this, isAlive, deliver);
  }

  /** Answers after the time that it takes; `effect` is given the share of it that is done, 1 unless the power fails. */
  operate<T>(
    ms: number,
    deliver: (act: () => void) => void,
    isAlive: () => boolean,
    effect: (share: number) => T,
  ): Promise<T> {
    const underway: Underway = { effect };
    this.#underway.add(underway);
    return new Promise((resolve, reject) => {
      // Most operations take about as long as usual; some take many times as long, and others overtake them.
      const luck = this.#random.chance(0.05) ? this.#random.between(2, 20) : this.#random.between(0.5, 1.5);
      this.#timeline.after(Math.min(ms * this.slowness * luck, longestMs), () => {
        if (!this.#underway.delete(underway) || !isAlive()) return;
        try {
          const result = effect(1);
          deliver(() => resolve(result));
        } catch (error) {
          deliver(() => reject(error as Error));
        }
      });
    });
  }

  get habits(): DiskHabits {
    return this.#habits;
  }

  get names(): readonly string[] {
    return [...this.#names.keys()].sort();
  }

  find(name: string): SimulatedFile | undefined {
    return this.#names.get(name);
  }

  file(name: string): SimulatedFile {
    const file = this.#names.get(name);
    if (file === undefined) throw systemError('ENOENT', `no such file: ${name}`);
    return file;
  }

  nameOf(file: SimulatedFile): string | undefined {
    for (const [name, other] of this.#names) if (other === file) return name;
    return undefined;
  }

  changeName(change: NameChange): void {
    applyName(this.#names, change);
    this.#nameChanges.push(change);
  }

  syncNames(): void {
    for (const change of this.#nameChanges.splice(0)) applyName(this.#durableNames, change);
    this.watcher.syncedNames([...this.#durableNames.keys()]);
  }

  /** How long this sync will take, on a disk of its usual speed. */
  syncMsOf(file: SimulatedFile): number {
    const { stall } = this;
    if (stall === undefined || this.nameOf(file)?.endsWith(stall.suffix) !== true) return this.#habits.syncMs;
    this.stall = undefined;
    return stall.ms;
  }

  syncFile(file: SimulatedFile, count: number): void {
    if (this.failingSyncs > 0) {
      this.failingSyncs -= 1;
      file.failSync(this.#random, this.#habits.sectorBytes);
      this.watcher.failed('sync');
      throw systemError('EIO', 'fdatasync');
    }
    file.sync(count);
    this.watcher.synced(file, count);
  }

  /** The process dies; what it had asked for is done, or half done, or not. */
  endSession(): void {
    const left = [...this.#underway];
    this.#underway.clear();
    for (const { effect } of left) {
      if (this.#random.chance(0.4)) continue;
      try {
        effect(this.#random.chance(0.5) ? 1 : this.#random.next());
      } catch {
        // Nobody is there to be told.
      }
    }
  }

  /** The power fails after the process died. Returns whether anything that was not synced is lost. */
  losePower(mode: LossMode = this.#random.pick(lossModes)): boolean {
    let isLost = false;
    const names = new Map(this.#durableNames);
    for (const change of this.#nameChanges) {
      if (this.#random.chance(0.5)) applyName(names, change);
      else isLost = true;
    }
    this.#nameChanges = [];
    this.#durableNames = names;
    for (const file of names.values()) {
      if (file.losePower(this.#random, mode, this.#habits.sectorBytes)) isLost = true;
    }
    this.#names = new Map(names);
    return isLost;
  }

  /** Flips a bit of what has something durable after it, so that no crash could explain it. */
  rot(): string | undefined {
    const candidates = [...this.#names].filter(
      ([name, file]) => /\.(log|snapshot)$/.test(name) && file.lastSyncedWriteAt > 0,
    );
    if (candidates.length === 0) return undefined;
    const [name, file] = this.#random.pick(candidates);
    const position = this.#random.below(file.lastSyncedWriteAt);
    file.rot(position, this.#random.below(8));
    return `${name}:${position}`;
  }
}

function applyName(names: Map<string, SimulatedFile>, change: NameChange): void {
  if (change.type === 'create') names.set(change.name, change.file);
  else if (change.type === 'remove') names.delete(change.name);
  else {
    const file = names.get(change.from);
    if (file === undefined) return;
    names.delete(change.from);
    names.set(change.to, file);
  }
}

export function systemError(code: string, what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

/** What one process has of the disk. */
class Session implements Disk {
  readonly #disk: SimulatedDisk;
  readonly #isAlive: () => boolean;
  readonly #deliver: (act: () => void) => void;

  constructor(disk: SimulatedDisk, isAlive: () => boolean, deliver: (act: () => void) => void) {
    this.#disk = disk;
    this.#isAlive = isAlive;
    this.#deliver = deliver;
  }

  #operate<T>(ms: number, effect: (share: number) => T): Promise<T> {
    return this.#disk.operate(ms, this.#deliver, this.#isAlive, effect);
  }

  async makeDirectory(): Promise<void> {}

  list(): Promise<string[]> {
    return this.#operate(0.02, () => [...this.#disk.names]);
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#operate(0.1, () => this.#disk.file(basename(path)).cached.copy());
  }

  async createFile(path: string): Promise<DiskFile> {
    const name = basename(path);
    const file = new SimulatedFile();
    await this.#operate(0.05, () => {
      if (this.#disk.isFull) {
        this.#disk.watcher.failed('full');
        throw systemError('ENOSPC', `open ${name}`);
      }
      this.#disk.changeName({ type: 'create', name, file });
    });
    return this.#handle(file);
  }

  async openFile(path: string): Promise<DiskFile> {
    return this.#handle(await this.#operate(0.02, () => this.#disk.file(basename(path))));
  }

  rename(from: string, to: string): Promise<void> {
    this.#disk.watcher.notice('rename');
    return this.#operate(0.05, () => this.#disk.changeName({ type: 'rename', from: basename(from), to: basename(to) }));
  }

  remove(path: string): Promise<void> {
    this.#disk.watcher.notice('remove');
    return this.#operate(0.05, () => this.#disk.changeName({ type: 'remove', name: basename(path) }));
  }

  syncDirectory(): Promise<void> {
    this.#disk.watcher.notice('sync-names');
    return this.#operate(this.#disk.habits.syncMs, (share) => {
      if (share === 1) this.#disk.syncNames();
    });
  }

  async lock(): Promise<DirectoryLock> {
    return { release: async () => undefined };
  }

  #handle(file: SimulatedFile): DiskFile {
    const disk = this.#disk;
    return {
      read: (position, length) => this.#operate(0.1, () => file.cached.copy().subarray(position, position + length)),
      write: (data, position) => {
        const copy = Buffer.from(data);
        disk.watcher.notice('write');
        return this.#operate(disk.habits.writeMs, (share) => {
          const part = disk.isFull
            ? copy.subarray(0, copy.length >> 1)
            : copy.subarray(0, Math.ceil(copy.length * share));
          if (part.length > 0) file.write(position, part);
          if (disk.isFull) {
            disk.watcher.failed('full');
            throw systemError('ENOSPC', 'write');
          }
          // What is missing may be zeros where zeros are already.
          const isWhole =
            part.length === copy.length ||
            file.cached
              .copy()
              .subarray(position, position + copy.length)
              .equals(copy);
          disk.watcher.wrote(file, disk.nameOf(file) ?? '', position, isWhole ? copy : part);
        });
      },
      truncate: (length) => {
        disk.watcher.notice('truncate');
        return this.#operate(disk.habits.writeMs, () => file.truncate(length));
      },
      sync: () => {
        disk.watcher.notice('sync');
        const count = file.unsyncedCount;
        return this.#operate(disk.syncMsOf(file), (share) => {
          if (share === 1) disk.syncFile(file, count);
        });
      },
      close: async () => undefined,
    };
  }
}
