// The storage of one peer in a scenario: what was written, which is not always what the core thinks of.
import { assert } from '../assert.ts';
import type { Entry, Snapshot } from '../core/messages.ts';

export class ScenarioStorage {
  #firstIndex = 1;
  #entries: Entry[] = [];

  get firstIndex(): number {
    return this.#firstIndex;
  }

  get lastIndex(): number {
    return this.#firstIndex + this.#entries.length - 1;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  applySnapshot({ metadata }: Snapshot): void {
    this.#firstIndex = metadata.index + 1;
    this.#entries = [];
  }

  /** What is written replaces everything from its first index on; what is compacted already is not written again. */
  append(entries: readonly Entry[]): void {
    const news = entries.filter(({ index }) => index >= this.#firstIndex);
    const first = news[0];
    if (first === undefined) return;
    assert(first.index <= this.lastIndex + 1, `entry ${first.index} follows ${this.lastIndex} in storage`);
    this.#entries.length = first.index - this.#firstIndex;
    this.#entries.push(...news);
  }

  /** Returns what is wrong with it, or undefined. */
  compact(index: number): string | undefined {
    if (index < this.#firstIndex) return 'requested index is unavailable due to compaction';
    assert(index <= this.lastIndex, `entry ${index} is compacted after ${this.lastIndex}`);
    this.#entries.splice(0, index - this.#firstIndex + 1);
    this.#firstIndex = index + 1;
    return undefined;
  }
}
