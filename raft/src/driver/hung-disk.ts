// What a peer does when a write of its log does not return. Heartbeats do not wait for the disk, so a leader would keep
// its followers, commit with their disks, and answer nobody (etcd#15247). It hands over to who is furthest, and steps
// down when that comes to nothing. Until the disk answers it neither campaigns nor takes leadership over.
import type { RawNode, Ready } from '../core/raw-node.ts';
import type { DurableLog } from '../storage/durable-log.ts';
import { defaults } from './config.ts';
import { successorOf } from './members.ts';
import type { Metrics } from './metrics.ts';
import type { RaftOptions } from './options.ts';

/** Between two attempts to hand over, in election timeouts: where all disks are slow, peers must not play ball. */
const handOverPause = 10;

export interface HungDiskHost {
  readonly options: RaftOptions;
  readonly core: RawNode;
  readonly log: DurableLog;
  readonly metrics: Metrics;
}

export class HungDisk {
  readonly #options: RaftOptions;
  readonly #core: RawNode;
  readonly #log: DurableLog;
  readonly #metrics: Metrics;
  readonly #electionMs: number;
  readonly #patienceMs: number;
  /** Since when the write that is under way is waited for. */
  #sinceMs: number | undefined;
  /** When this leader asked another to take over because of it. */
  #askedMs: number | undefined;
  #mayAskFromMs = 0;
  isHung = false;

  constructor({ options, core, log, metrics }: HungDiskHost) {
    const { tickMs = defaults.tickMs, electionTicks = defaults.electionTicks } = options;
    this.#options = options;
    this.#core = core;
    this.#log = log;
    this.#metrics = metrics;
    this.#electionMs = tickMs * electionTicks;
    this.#patienceMs = options.diskPatienceMs ?? this.#electionMs;
  }

  /** Writes the log, and measures and watches that. One at a time. */
  async save(ready: Ready): Promise<void> {
    const beganMs = this.#options.clock.now();
    this.#sinceMs = beganMs;
    await this.#metrics.saving(this.#log.save(ready));
    this.#sinceMs = undefined;
    this.#askedMs = undefined;
    if (!this.isHung) return;
    this.isHung = false;
    this.#options.log?.({ type: 'disk-answers', afterMs: this.#options.clock.now() - beganMs });
  }

  /** Who cannot write its own vote, as also on a full disk, cannot win, and would only disturb the others. */
  get mustNotCampaign(): boolean {
    return this.isHung || this.#log.space === 'full';
  }

  /** `lateMs` is above 0 when this process stood still: the disk may have answered, and nobody have listened. */
  tick(nowMs: number, lateMs: number): void {
    if (this.#sinceMs === undefined) return;
    // What waits for room on a full disk does not hang.
    if (lateMs > 0 || this.#log.space === 'full') this.#sinceMs = nowMs;
    const forMs = nowMs - this.#sinceMs;
    if (!this.isHung && forMs > this.#patienceMs) {
      this.isHung = true;
      this.#metrics.count('disk_hangs');
      this.#options.log?.({ type: 'disk-hangs', forMs });
    }
    if (this.isHung && this.#core.basicStatus().role === 'leader') this.#makeWay(nowMs);
  }

  #makeWay(nowMs: number): void {
    if (this.#askedMs !== undefined) {
      // Nobody took over. Who leads on must not keep the others from electing one of them.
      if (nowMs - this.#askedMs >= this.#electionMs) this.#stepDown();
      return;
    }
    if (nowMs < this.#mayAskFromMs || !this.#isOvertaken()) return;
    const to = successorOf(this.#core.status());
    if (to === undefined) return;
    this.#askedMs = nowMs;
    this.#mayAskFromMs = nowMs + handOverPause * this.#electionMs;
    this.#options.log?.({ type: 'leadership-given-up', to, why: 'disk-hangs' });
    this.#core.transferLeadership(to);
  }

  #stepDown(): void {
    this.#options.log?.({ type: 'leadership-given-up', why: 'disk-hangs' });
    this.#core.stepDown();
  }

  /** Whether a majority's disks have what this one has not. Otherwise the others are no better off, and nobody is to lead. */
  #isOvertaken(): boolean {
    const { id, progress, commit } = this.#core.status();
    return commit > (progress.get(id)?.match ?? 0);
  }
}
