// A file's content as the process sees it (the page cache) and as it would be after a loss of power. What was written
// since the last sync is kept as it was asked for, for any part of it may be on the disk already.
import type { Random } from './random.ts';

type Change = { readonly position: number; readonly data: Uint8Array } | { readonly length: number };

/** How much of what was not synced a loss of power leaves. */
export type LossMode = 'nothing' | 'everything' | 'prefix' | 'subset' | 'length-only';

export const lossModes: readonly LossMode[] = ['nothing', 'everything', 'prefix', 'subset', 'length-only'];

export class Bytes {
  #buffer: Buffer;
  length: number;

  constructor(content: Uint8Array = Buffer.alloc(0)) {
    this.#buffer = Buffer.from(content);
    this.length = content.length;
  }

  write(position: number, data: Uint8Array): void {
    this.resize(Math.max(this.length, position + data.length));
    this.#buffer.set(data, position);
  }

  /** Whatever a file gains without being written reads as zeros. */
  resize(length: number): void {
    if (length > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(length, this.#buffer.length * 2, 1024));
      grown.set(this.#buffer.subarray(0, this.length));
      this.#buffer = grown;
    }
    if (length < this.length) this.#buffer.fill(0, length, this.length);
    this.length = length;
  }

  flipBit(position: number, bit: number): void {
    this.#buffer[position] = (this.#buffer[position] ?? 0) ^ (1 << bit);
  }

  copy(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.length));
  }
}

export class SimulatedFile {
  cached = new Bytes();
  #durable = new Bytes();
  #changes: Change[] = [];
  /** Where the last write that was synced began: what lies before it has something durable after it. */
  lastSyncedWriteAt = 0;

  get unsyncedCount(): number {
    return this.#changes.length;
  }

  write(position: number, data: Uint8Array): void {
    this.cached.write(position, data);
    this.#changes.push({ position, data: Buffer.from(data) });
  }

  truncate(length: number): void {
    this.cached.resize(length);
    this.#changes.push({ length });
  }

  /** Makes the first `count` of the changes durable. */
  sync(count: number): void {
    for (const change of this.#changes.splice(0, count)) {
      apply(this.#durable, change);
      // Zeros that are written ahead prove nothing of what lies before them.
      if ('length' in change) this.lastSyncedWriteAt = 0;
      else if (change.data.some((byte) => byte !== 0)) this.lastSyncedWriteAt = change.position;
    }
  }

  /**
   * A sync that failed: some of it may be on the disk, and the cache forgets what is not. A later sync will succeed and
   * write nothing. Only lengths are no content: the file system keeps them until they are durable.
   */
  failSync(random: Random, sectorBytes: number): void {
    this.#persistPart(random, random.pick(lossModes), sectorBytes);
    this.#changes = this.#changes.filter((change) => 'length' in change);
  }

  /** Returns whether anything was lost. */
  losePower(random: Random, mode: LossMode, sectorBytes: number): boolean {
    const before = this.cached.copy();
    this.#persistPart(random, mode, sectorBytes);
    this.#changes = [];
    const after = this.#durable.copy();
    this.cached = new Bytes(after);
    return !before.equals(after);
  }

  rot(position: number, bit: number): void {
    this.cached.flipBit(position, bit);
    if (position < this.#durable.length) this.#durable.flipBit(position, bit);
  }

  /** The disk writes sectors, each wholly or not at all, in no order. */
  #persistPart(random: Random, mode: LossMode, sectorBytes: number): void {
    const share = random.next();
    let isGoingOn = true;
    for (const change of this.#changes) {
      if ('length' in change) {
        if (mode === 'everything' || (mode !== 'nothing' && isGoingOn && random.chance(0.5)))
          apply(this.#durable, change);
        continue;
      }
      const { position, data } = change;
      if (mode === 'length-only') this.#durable.resize(Math.max(this.#durable.length, position + data.length));
      for (let from = 0; from < data.length; ) {
        const to = Math.min(data.length, from + sectorBytes - ((position + from) % sectorBytes));
        const isChosen = random.chance(share);
        if (mode === 'prefix' && !isChosen) isGoingOn = false;
        if (mode === 'everything' || (mode === 'prefix' && isGoingOn) || (mode === 'subset' && isChosen)) {
          this.#durable.write(position + from, data.subarray(from, to));
        }
        from = to;
      }
    }
  }
}

function apply(bytes: Bytes, change: Change): void {
  if ('length' in change) bytes.resize(change.length);
  else bytes.write(change.position, change.data);
}
