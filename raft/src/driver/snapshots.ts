// Snapshots on their way to the disk (§7). The state is copied at once and written beside the log, which goes on
// meanwhile; only one is under way, so that an older one can never come to lie over a newer.
import type { Snapshot, SnapshotMetadata } from '../core/messages.ts';
import type { RawNode } from '../core/raw-node.ts';
import type { DurableLog } from '../storage/durable-log.ts';
import { maxMessageBytes } from '../transport/peer-stream.ts';
import { defaults } from './config.ts';
import type { RaftOptions } from './options.ts';
import type { Replicated } from './replicated.ts';

/** What a snapshot's message holds beside its data. */
const overheadBytes = 1024;

export class Snapshots {
  readonly #options: RaftOptions;
  readonly #core: RawNode;
  readonly #log: DurableLog;
  readonly #replicated: Replicated;
  /** The last entry that a durable snapshot covers; 0 when there is none. */
  index: number;
  #underWay: Promise<void> | undefined;

  constructor(options: RaftOptions, core: RawNode, log: DurableLog, replicated: Replicated, index: number) {
    this.#options = options;
    this.#core = core;
    this.#log = log;
    this.#replicated = replicated;
    this.index = index;
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.#underWay;
  }

  /** A snapshot from the leader is durable. */
  installed({ metadata, data }: Snapshot): void {
    this.index = metadata.index;
    this.#options.log?.({ type: 'snapshot-installed', index: metadata.index, bytes: data.length });
  }

  /** Begins one of the state that has just applied this entry, if enough came since the last. */
  maybeTake(applied: SnapshotMetadata, onFatal: (error: Error) => void): void {
    const every = this.#options.snapshotEveryEntries ?? defaults.snapshotEveryEntries;
    if (this.#underWay !== undefined || applied.index - this.index < every) return;
    const data = this.#replicated.snapshot();
    this.#underWay = this.#take({ metadata: applied, data })
      .catch(onFatal)
      .finally(() => {
        this.#underWay = undefined;
      });
  }

  async #take(snapshot: Snapshot): Promise<void> {
    const { index } = snapshot.metadata;
    const bytes = snapshot.data.length;
    if (bytes > maxMessageBytes - overheadBytes) this.#options.log?.({ type: 'snapshot-too-large', index, bytes });
    await this.#log.saveSnapshot(snapshot);
    this.index = Math.max(this.index, index);
    this.#core.compact(snapshot, Math.max(0, index - (this.#options.trailingEntries ?? defaults.trailingEntries)));
    await this.#log.compact();
    this.#options.log?.({ type: 'snapshot-taken', index, bytes });
  }
}
