// What a peer does when its disk fills up. It writes nothing new as a leader, hands over to who has room, and goes on as
// a member with what it has: it answers heartbeats and reads, and, as long as zeros that were written ahead are left,
// follows and votes. It looks again in each election timeout whether there is room.
import type { RawNode } from '../core/raw-node.ts';
import { DiskFullError } from '../errors.ts';
import type { DurableLog } from '../storage/durable-log.ts';
import type { DiskSpace } from '../storage/log-options.ts';
import { successorOf } from './members.ts';
import type { RaftOptions } from './options.ts';

/** Between two attempts to hand over, in election timeouts: two peers that are both full must not play ball. */
const handOverPause = 10;

export class FullDisk {
  readonly #options: RaftOptions;
  readonly #core: RawNode;
  readonly #log: DurableLog;
  #pause = 0;

  constructor(options: RaftOptions, core: RawNode, log: DurableLog) {
    this.#options = options;
    this.#core = core;
    this.#log = log;
  }

  get isFull(): boolean {
    return this.#log.space !== 'enough';
  }

  /** What a proposal is refused with. */
  refusal(): DiskFullError {
    return new DiskFullError(this.#options.directory);
  }

  changed(space: DiskSpace): void {
    this.#options.log?.({ type: 'disk-space', space });
    if (space !== 'enough') this.#handOver();
  }

  /** To be called once in an election timeout. */
  tickSlowly(): void {
    this.#pause = Math.max(0, this.#pause - 1);
    if (!this.isFull) return;
    this.#log.retry();
    const { role } = this.#core.basicStatus();
    if (role !== 'leader') return;
    // Nobody took over. Who can write nothing at all must not keep the others from electing one of them.
    if (this.#log.space === 'full' && this.#pause > 0 && this.#hasOthers()) this.#core.stepDown();
    else this.#handOver();
  }

  #hasOthers(): boolean {
    const { id, progress, confState } = this.#core.status();
    return confState.voters.some((voter) => voter !== id && progress.get(voter)?.isRecentlyActive === true);
  }

  #handOver(): void {
    if (this.#pause > 0 || this.#core.basicStatus().role !== 'leader') return;
    const successor = successorOf(this.#core.status());
    if (successor === undefined) return;
    this.#pause = handOverPause;
    this.#core.transferLeadership(successor);
  }
}
