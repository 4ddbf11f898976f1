// Snapshots (§7): taken of this peer's state, sent to who is too far behind, and taken over from a leader. Their content
// is on the disk and not in memory, save while it is written, read or given to the state machine.
import type { Message, Snapshot, SnapshotMetadata } from '../core/messages.ts';
import type { RawNode, Ready } from '../core/raw-node.ts';
import { DiskFullError, isDiskFull, StorageFailedError } from '../errors.ts';
import type { DurableLog } from '../storage/durable-log.ts';
import { type PartialSnapshot, SnapshotBrokenError, type SnapshotKey } from '../storage/partial-snapshot.ts';
import type { SnapshotSource } from '../storage/snapshot-file.ts';
import type { SnapshotSink } from '../transport/transport.ts';
import { defaults } from './config.ts';
import type { RaftCounter } from './metrics.ts';
import type { RaftOptions } from './options.ts';
import type { Replicated } from './replicated.ts';

/** Entries that are kept for a peer that is being sent a snapshot, as a multiple of `snapshotEveryEntries`. */
const keptForTransfers = 10;
interface Transfer {
  readonly index: number;
  readonly end: AbortController;
}

export interface SnapshotsHost {
  readonly options: RaftOptions;
  readonly log: DurableLog;
  readonly replicated: Replicated;
  count(counter: RaftCounter): void;
  /** Runs what must not fail, unless this peer is closed; then the loop takes up what came of it. */
  guarded(work: (core: RawNode) => void): void;
  onFatal(error: Error): void;
}

export class Snapshots {
  readonly #host: SnapshotsHost;
  readonly #core: RawNode;
  /** The newest durable one, without its data. */
  newest: Snapshot | undefined;
  #underWay: Promise<void> | undefined;
  readonly #transfers = new Map<number, Transfer>();
  /** The one that is coming in, and the one that has come in and may be installed next. */
  #receiving: PartialSnapshot | undefined;
  #received: PartialSnapshot | undefined;

  constructor(host: SnapshotsHost, core: RawNode, newest: SnapshotMetadata | undefined) {
    this.#host = host;
    this.#core = core;
    this.newest = newest && withoutData(newest);
  }

  /** The last entry that a durable snapshot covers; 0 when there is none. */
  get index(): number {
    return this.newest?.metadata.index ?? 0;
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.#underWay;
  }

  /** Begins one of the state that has just applied this entry, if enough came since the last. */
  maybeTake(applied: SnapshotMetadata): void {
    const { options, log, replicated, onFatal } = this.#host;
    const every = options.snapshotEveryEntries ?? defaults.snapshotEveryEntries;
    if (log.space !== 'enough') return;
    if (this.#underWay !== undefined || applied.index - this.index < every) return;
    const data = replicated.snapshot();
    this.#underWay = this.#take({ metadata: applied, data }, every)
      .catch((error: Error) => {
        if (error instanceof DiskFullError) options.log?.({ type: 'snapshot-failed', why: error.message });
        else onFatal(error);
      })
      .finally(() => {
        this.#underWay = undefined;
      });
  }

  async #take(snapshot: Snapshot, every: number): Promise<void> {
    const { options, log } = this.#host;
    const { metadata, data } = snapshot;
    const { index } = metadata;
    await log.saveSnapshot(snapshot);
    if (index > this.index) this.newest = withoutData(metadata);
    // Who is being sent an older one goes on with the entries after that; but nobody may hold up the log for ever.
    const oldest = Math.min(...Array.from(this.#transfers.values(), (transfer) => transfer.index));
    const kept = Math.max(oldest, index - every * keptForTransfers);
    const behind = index - (options.trailingEntries ?? defaults.trailingEntries);
    this.#core.compact(withoutData(metadata), Math.max(0, Math.min(behind, kept)));
    await log.compact();
    this.#host.count('snapshots_taken');
    options.log?.({ type: 'snapshot-taken', index, bytes: data.length });
  }

  /** A leader's, which the core has accepted: it becomes durable, and the state machine is given it. */
  async install({ metadata, data }: Snapshot, ready: Ready): Promise<void> {
    const { options, log, replicated } = this.#host;
    const { key } = this.#received ?? {};
    const isReceived = key?.index === metadata.index && key.term === metadata.term;
    // An own snapshot under way is older; it must not come to lie over this one.
    await this.settled();
    await log.installSnapshot({ metadata, data }, isReceived ? this.#received : undefined);
    if (isReceived) this.#received = undefined;
    await log.save({ ...ready, reset: metadata });
    replicated.restore(data);
    this.newest = withoutData(metadata);
    this.#host.count('snapshots_installed');
    options.log?.({ type: 'snapshot-installed', index: metadata.index, bytes: data.length });
  }

  /** Snapshots go a way of their own; returns the other messages. */
  sendThose(messages: readonly Message[]): readonly Message[] {
    const isSnapshot = ({ type }: Message) => type === 'MsgSnap';
    if (!messages.some(isSnapshot)) return messages;
    for (const message of messages.filter(isSnapshot)) this.#send(message);
    return messages.filter((message) => !isSnapshot(message));
  }

  /** Sends the newest one to whom the core wants one sent. One to each at a time. */
  #send(message: Message): void {
    const { to } = message;
    if (this.#transfers.has(to)) return;
    const { transport } = this.#host.options;
    const end = new AbortController();
    this.#transfers.set(to, { index: message.snapshot?.metadata.index ?? 0, end });
    const isStreamed = transport.sendSnapshot !== undefined;
    void (isStreamed ? this.#stream(message, end.signal) : this.#sendWhole(message)).then(
      () => this.#sent(to, isStreamed ? true : undefined),
      (error: Error) => this.#sent(to, false, error),
    );
  }

  async #sendWhole(message: Message): Promise<void> {
    const snapshot = await this.#host.log.readSnapshot();
    if (snapshot !== undefined) this.#host.guarded(() => this.#host.options.transport.send([{ ...message, snapshot }]));
  }

  async #stream(message: Message, signal: AbortSignal): Promise<void> {
    const { options, log } = this.#host;
    const source = await log.openSnapshot();
    if (source === undefined) throw new Error('There is no snapshot to send.');
    try {
      const { metadata, bytes } = source;
      options.log?.({ type: 'snapshot-sending', to: message.to, index: metadata.index, bytes });
      await options.transport.sendSnapshot?.({ ...message, snapshot: withoutData(metadata) }, source, signal);
    } finally {
      await source.close();
    }
  }

  /** Without a report, the receiver's own answer tells the core, or the time does. */
  #sent(to: number, isDelivered: boolean | undefined, error?: Error): void {
    this.#transfers.delete(to);
    const { options, guarded } = this.#host;
    if (isDelivered !== false) this.#host.count('snapshots_sent');
    else this.#host.count('snapshot_sends_failed');
    if (isDelivered !== undefined) guarded((core) => core.reportSnapshot(to, isDelivered));
    if (error !== undefined) options.log?.({ type: 'snapshot-send-failed', to, why: error.message });
  }

  /** This peer leads no more. */
  lostLeadership(): void {
    for (const { end } of this.#transfers.values()) end.abort();
  }

  /** Where the file of this MsgSnap is put; what came in before from others is dropped. */
  async receive(message: Message, file: Pick<SnapshotSource, 'bytes' | 'crc32c'>): Promise<SnapshotSink | undefined> {
    const { guarded, options } = this.#host;
    const syncBytes = options.receivedSyncBytes ?? defaults.receivedSyncBytes;
    const { index, term } = message.snapshot?.metadata ?? { index: 0, term: 0 };
    if (index <= this.#core.basicStatus().commit) {
      // The core has all of it, says so, and does not look at the data.
      return delivered(() => guarded((core) => core.step(message)));
    }
    const isInstalling = this.#received?.key.index === this.#core.pendingSnapshotIndex;
    if (isInstalling) return undefined;
    this.#received = undefined;
    await this.#receiving?.close();
    this.#receiving = undefined;
    const partial = await this.#openPartial({ index, term, ...file });
    this.#receiving = partial;
    return {
      get durableBytes() {
        return partial.durableBytes;
      },
      get hasAll() {
        return partial.hasAll;
      },
      write: async (offset, data, crc32c) => {
        try {
          await partial.write(offset, data, crc32c);
          if (partial.hasAll || partial.unsyncedBytes >= syncBytes) await partial.sync();
        } catch (error) {
          await this.#failed(partial, error as Error);
          throw error;
        }
      },
      finish: async () => {
        this.#receiving = undefined;
        const snapshot = await partial.finish();
        this.#received = partial;
        guarded((core) => core.step({ ...message, snapshot }));
      },
      close: async () => {
        if (this.#receiving !== partial) return;
        this.#receiving = undefined;
        await partial.close();
      },
    };
  }

  /** What was left of it may have been lost in a sync that failed, which no later one would tell. */
  async #openPartial(key: SnapshotKey): Promise<PartialSnapshot> {
    try {
      return await this.#host.log.receiveSnapshot(key);
    } catch (error) {
      if (!isDiskFull(error)) this.#host.onFatal(new StorageFailedError('The disk failed.', { cause: error }));
      throw error;
    }
  }

  /** A full disk gets back what the pieces take; any other failure of it makes this peer unfit. */
  async #failed(partial: PartialSnapshot, error: Error): Promise<void> {
    if (error instanceof SnapshotBrokenError) return;
    if (!isDiskFull(error)) this.#host.onFatal(new StorageFailedError('The disk failed.', { cause: error }));
    else await partial.remove().catch(() => undefined);
  }
}

export function withoutData(metadata: SnapshotMetadata): Snapshot {
  return { metadata, data: new Uint8Array(0) };
}

/** A sink for what is there already. */
function delivered(deliver: () => void): SnapshotSink {
  const done = async () => undefined;
  return { durableBytes: 0, hasAll: true, write: done, finish: async () => deliver(), close: done };
}
