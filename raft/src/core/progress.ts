// What the leader knows of each peer's log (`nextIndex` and `matchIndex` of figure 2), and how boldly it sends:
// one message a round while it probes for the place where the logs agree, a pipeline once it knows, nothing while a
// snapshot is on its way. The states are those of etcd's tracker.
import { assert } from '../assert.ts';
import type { Entry } from './messages.ts';
import { payloadBytes } from './messages.ts';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export interface InflightLimits {
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
}

interface Inflight {
  readonly lastIndex: number;
  readonly bytes: number;
}

export class Progress {
  match = 0;
  next: number;
  state: ProgressState = 'probe';
  /** The snapshot under way; 0 outside the state `snapshot`. */
  pendingSnapshot = 0;
  /** Ticks spent in the state `snapshot`. */
  snapshotTicks = 0;
  /** Whether anything was heard since the last check for a quorum. */
  recentActive = false;
  /** Set when one more MsgApp would be too many; an answer or a heartbeat's answer clears it. */
  isPaused = false;
  isLearner = false;
  /** The commit index that was sent last, so that none is sent twice for nothing. */
  #sentCommit = 0;
  readonly #limits: InflightLimits;
  #inflights: Inflight[] = [];
  #inflightBytes = 0;

  constructor(next: number, limits: InflightLimits) {
    this.next = next;
    this.#limits = limits;
  }

  /** A copy that shares nothing but what is never changed: a change of membership works on copies. */
  clone(): Progress {
    const copy = new Progress(this.next, this.#limits);
    copy.match = this.match;
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.snapshotTicks = this.snapshotTicks;
    copy.recentActive = this.recentActive;
    copy.isPaused = this.isPaused;
    copy.isLearner = this.isLearner;
    copy.#sentCommit = this.#sentCommit;
    copy.#inflights = [...this.#inflights];
    copy.#inflightBytes = this.#inflightBytes;
    return copy;
  }

  get inflightCount(): number {
    return this.#inflights.length;
  }

  get isFull(): boolean {
    return (
      this.#inflights.length >= this.#limits.maxInflightMessages || this.#inflightBytes >= this.#limits.maxInflightBytes
    );
  }

  /** Whether no MsgApp may be sent at the moment. */
  get mustWait(): boolean {
    return this.state === 'snapshot' || this.isPaused;
  }

  becomeProbe(): void {
    // After a snapshot the peer has at least that; otherwise only what it acknowledged is sure.
    const known = this.state === 'snapshot' ? Math.max(this.match, this.pendingSnapshot) : this.match;
    this.#reset('probe');
    this.next = known + 1;
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.#reset('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#reset('snapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.#sentCommit = index;
  }

  #reset(state: ProgressState): void {
    this.state = state;
    this.pendingSnapshot = 0;
    this.snapshotTicks = 0;
    this.isPaused = false;
    this.#inflights = [];
    this.#inflightBytes = 0;
  }

  sentEntries(entries: readonly Entry[]): void {
    assert(this.state !== 'snapshot', 'no entries are sent while a snapshot is');
    if (this.state === 'probe') {
      if (entries.length > 0) this.isPaused = true;
      return;
    }

    if (entries.length > 0) {
      const bytes = payloadBytes(entries);
      this.next += entries.length;
      this.#inflights.push({ lastIndex: this.next - 1, bytes });
      this.#inflightBytes += bytes;
    }
    this.isPaused = this.isFull;
  }

  /** Whether the peer may not have been told of this commit index, or of as much of it as its log allows. */
  canBumpCommit(commit: number): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1;
  }

  sentCommit(commit: number): void {
    this.#sentCommit = commit;
  }

  /** Frees what an acknowledgement up to this index covers. */
  freeUpTo(index: number): void {
    let count = 0;
    for (const inflight of this.#inflights) {
      if (inflight.lastIndex > index) break;
      this.#inflightBytes -= inflight.bytes;
      count += 1;
    }
    this.#inflights.splice(0, count);
  }

  /** Notes that the peer has everything up to `index`; false when that was known before. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.isPaused = false;
    return true;
  }

  /** Steps back after a rejection of `rejected`; false when the rejection is an old one. */
  maybeDecreaseTo(rejected: number, hint: number): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
    } else {
      if (this.next - 1 !== rejected) return false;
      this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
      this.isPaused = false;
    }
    // What was sent with the rejected message was hardly applied.
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
    return true;
  }
}
