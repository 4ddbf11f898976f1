// The log as the core sees it: everything after the last compaction, in memory. Five indexes move over it and keep
// this order: applied <= applying <= committed, and stable <= in progress <= last. Entries after `stable` are not
// known to be on disk yet (etcd's "unstable" ones).
import { assert } from '../assert.ts';
import { type Entry, encodedBytes, type Snapshot, type SnapshotMetadata } from './messages.ts';

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + encodedBytes(entry), 0);
}

export class RaftLog {
  /** The newest durable snapshot, to be sent to whoever is too far behind. */
  snapshot: Snapshot | undefined;
  /** A snapshot from the leader that is not durable yet. */
  pendingSnapshot: Snapshot | undefined;
  isSnapshotInProgress = false;
  committed: number;
  applying: number;
  applied: number;
  stable: number;
  inProgress: number;
  /** What lies just before the first entry in memory. */
  #base: SnapshotMetadata;
  #entries: Entry[];
  readonly #maxApplyingBytes: number;
  #applyingBytes = 0;
  #isApplyingPaused = false;

  constructor(snapshot: Snapshot | undefined, entries: readonly Entry[], commit: number, maxApplyingBytes: number) {
    this.snapshot = snapshot;
    this.#base = snapshot?.metadata ?? { index: 0, term: 0 };
    this.#entries = [...entries];
    this.#maxApplyingBytes = maxApplyingBytes;
    this.applied = this.applying = this.#base.index;
    this.committed = Math.max(commit, this.#base.index);
    this.stable = this.inProgress = this.lastIndex;
    assert(this.committed <= this.lastIndex, `commit ${commit} lies beyond the last index ${this.lastIndex}`);
  }

  get firstIndex(): number {
    return this.#base.index + 1;
  }

  get lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#base.term;
  }

  /** Whether any entry is not known to be durable. */
  get hasUnstable(): boolean {
    return this.stable < this.lastIndex;
  }

  /** The term of the entry at `index`; undefined when it was compacted or does not exist. */
  term(index: number): number | undefined {
    if (index === this.#base.index) return this.#base.term;
    return this.#entries[index - this.firstIndex]?.term;
  }

  matches(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Entries from `from` on, at most `maxBytes` of them but at least one if there is one. Undefined when compacted. */
  entriesFrom(from: number, maxBytes: number, to = this.lastIndex): readonly Entry[] | undefined {
    if (from < this.firstIndex) return undefined;
    let bytes = 0;
    let end = from;
    for (; end <= to; end += 1) {
      const entry = this.#entries[end - this.firstIndex];
      bytes += entry === undefined ? 0 : encodedBytes(entry);
      if (bytes > maxBytes && end > from) break;
    }
    return this.#entries.slice(from - this.firstIndex, end - this.firstIndex);
  }

  /** §5.4.1: the later term of the last entry is more up to date; with equal terms, the longer log. */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** The leader's own append. It never overwrites (§5.3, "leader append-only"). */
  append(entries: readonly Entry[]): void {
    assert(entries[0] === undefined || entries[0].index === this.lastIndex + 1, 'a leader only appends');
    this.#entries.push(...entries);
  }

  /**
   * A follower's append. Only a conflict cuts the log (§5.3): an old message that holds less than we have
   * must not take away what came after it. Returns the last index that is now the leader's, or undefined.
   */
  maybeAppend(index: number, logTerm: number, commit: number, entries: readonly Entry[]): number | undefined {
    if (!this.matches(index, logTerm)) return undefined;
    const lastNew = index + entries.length;
    const firstConflict = entries.findIndex((entry) => !this.matches(entry.index, entry.term));
    if (firstConflict >= 0) this.#truncateAndAppend(entries.slice(firstConflict));
    this.commitTo(Math.min(commit, lastNew));
    return lastNew;
  }

  #truncateAndAppend(entries: readonly Entry[]): void {
    const first = entries[0]?.index ?? 0;
    assert(first > this.committed, `entry ${first} is committed (${this.committed}) and cannot conflict`);
    this.#entries.length = first - this.firstIndex;
    this.#entries.push(...entries);
    // What is being written at those places is no longer what the log says, so its completion must not count.
    this.stable = Math.min(this.stable, first - 1);
    this.inProgress = Math.min(this.inProgress, first - 1);
  }

  commitTo(index: number): void {
    if (index <= this.committed) return;
    assert(index <= this.lastIndex, `commit ${index} lies beyond the last index ${this.lastIndex}: was the log lost?`);
    this.committed = index;
  }

  /** The last index at or below `index` whose term is not above `term`: where to try next after a conflict. */
  findConflictByTerm(index: number, term: number): { index: number; term: number } {
    for (let at = index; at > 0; at -= 1) {
      const here = this.term(at);
      if (here === undefined) return { index: at, term: 0 };
      if (here <= term) return { index: at, term: here };
    }
    return { index: 0, term: 0 };
  }

  /** Entries that nobody was asked to write yet. */
  nextUnstable(): readonly Entry[] {
    return this.#entries.slice(this.inProgress - this.#base.index);
  }

  /** A snapshot that nobody was asked to write yet. */
  nextSnapshot(): Snapshot | undefined {
    return this.isSnapshotInProgress ? undefined : this.pendingSnapshot;
  }

  /** All that is not durable is being written from now on. */
  acceptUnstable(): void {
    this.inProgress = this.lastIndex;
    this.isSnapshotInProgress = this.pendingSnapshot !== undefined;
  }

  #maxAppliable(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.stable);
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    if (this.#isApplyingPaused || this.pendingSnapshot !== undefined) return false;
    return this.applying < this.#maxAppliable(allowUnstable);
  }

  /**
   * Entries to apply: committed, and not handed out before. Unless `allowUnstable`, durable here too. All that were
   * handed out and are not applied yet together stay within a limit.
   */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return [];
    const budget = this.#maxApplyingBytes - this.#applyingBytes;
    const entries = this.entriesFrom(this.applying + 1, budget, this.#maxAppliable(allowUnstable));
    assert(entries !== undefined, 'what is not applied is never compacted');
    return entries;
  }

  /** These entries are handed out to be applied. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    this.applying = last.index;
    this.#applyingBytes += sizeOf(entries);
    this.#isApplyingPaused =
      this.#applyingBytes >= this.#maxApplyingBytes || last.index < this.#maxAppliable(allowUnstable);
  }

  /** Everything up to `index` is applied, of which `entries` were handed out. */
  appliedTo(index: number, entries: readonly Entry[]): void {
    assert(index <= this.committed && index >= this.applied, `${index} cannot be applied after ${this.applied}`);
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - sizeOf(entries));
    this.#isApplyingPaused = this.#applyingBytes >= this.#maxApplyingBytes;
  }

  /** The write that ended with this entry is durable. Ignored when the entry was replaced in the meantime. */
  stableTo(index: number, term: number): void {
    if (index <= this.stable || !this.matches(index, term)) return;
    this.stable = index;
    this.inProgress = Math.max(this.inProgress, index);
  }

  /** Replaces the whole log by a snapshot from the leader (figure 13, step 7). */
  restore(snapshot: Snapshot): void {
    const { index } = snapshot.metadata;
    assert(index > this.committed, 'a snapshot never takes back what is committed');
    this.pendingSnapshot = snapshot;
    this.isSnapshotInProgress = false;
    this.#base = snapshot.metadata;
    this.#entries = [];
    this.committed = this.stable = this.inProgress = index;
  }

  /** The snapshot from the leader is durable and the state machine has it. */
  restored(snapshot: Snapshot): void {
    const { index } = snapshot.metadata;
    if (index > (this.snapshot?.metadata.index ?? 0)) this.snapshot = snapshot;
    if (this.pendingSnapshot?.metadata.index !== index) return;
    this.pendingSnapshot = undefined;
    this.isSnapshotInProgress = false;
  }

  /** Forgets entries up to `index`, which the durable `snapshot` covers. */
  compact(snapshot: Snapshot, index: number): void {
    assert(index <= snapshot.metadata.index, 'only what the snapshot covers is forgotten');
    if (snapshot.metadata.index <= (this.snapshot?.metadata.index ?? 0)) return;
    this.snapshot = snapshot;
    this.forget(index);
  }

  /** Forgets entries up to `index`. */
  forget(index: number): void {
    const term = this.term(index);
    if (index <= this.#base.index || term === undefined) return;
    assert(index <= this.applying, 'only what was handed out to be applied is forgotten');
    this.#entries.splice(0, index - this.#base.index);
    this.#base = { index, term };
  }
}
