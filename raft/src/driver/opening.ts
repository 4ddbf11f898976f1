// From a directory to what a peer begins with.

import type { Snapshot } from '../core/messages.ts';
import { RawNode } from '../core/raw-node.ts';
import { settleClusterId } from '../storage/cluster-id.ts';
import { realDisk } from '../storage/disk.ts';
import { DurableLog } from '../storage/durable-log.ts';
import type { DiskSpace } from '../storage/log-options.ts';
import type { Recovered } from '../storage/recovery.ts';
import { checkPeers, coreConfig, logOptions } from './config.ts';
import { ownKinds } from './kinds.ts';
import type { RaftOptions } from './options.ts';
import { Replicated } from './replicated.ts';
import { withoutData } from './snapshots.ts';

export interface LogWatcher {
  readonly onFatal: (error: Error) => void;
  readonly onSpace: (space: DiskSpace) => void;
}

export interface Opened {
  readonly log: DurableLog;
  readonly recovered: Recovered;
  /** As of the snapshot. */
  readonly replicated: Replicated;
  readonly clusterId: string;
  /** Who hears of the disk from now on. A disk that fails before makes the opening itself fail. */
  watch(watcher: LogWatcher): void;
}

/** Throws DirectoryLockedError, LogDamagedError and UnknownKindError; then the directory is free again. */
export async function openLog(options: RaftOptions): Promise<Opened> {
  checkPeers(options);
  let watcher: LogWatcher | undefined;
  const { log, recovered } = await DurableLog.open({
    ...logOptions(options),
    onFatal: (error) => watcher?.onFatal(error),
    onSpace: (space) => watcher?.onSpace(space),
  });
  try {
    const { disk = realDisk, directory } = options;
    const clusterId = await settleClusterId(disk, directory, options.clusterId);
    const replicated = new Replicated(options.stateMachine, ownKinds(options.kinds));
    if (recovered.snapshot !== undefined) replicated.restore(recovered.snapshot.data);
    const watch = (next: LogWatcher) => {
      watcher = next;
    };
    return { log, recovered, replicated, clusterId, watch };
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** A core that knows of the snapshot all but its data. */
export function makeCore(
  options: RaftOptions,
  { hardState, entries, snapshot }: Recovered,
  newest: () => Snapshot | undefined,
): RawNode {
  const base = snapshot === undefined ? {} : { snapshot: withoutData(snapshot.metadata) };
  return new RawNode(coreConfig(options, newest), { hardState, entries, ...base });
}
