// After a disaster: a majority of the peers is lost for ever, and one that is left is made the whole cluster. What its
// log has is taken for committed, be it so or not; what it does not have is lost. The others must never speak with it
// again, for they could have committed otherwise: that is what the new cluster id is for.
import { decodeConfChange } from '../core/conf-change.ts';
import type { ConfState, Entry } from '../core/messages.ts';
import { writeClusterId } from '../storage/cluster-id.ts';
import { realDisk } from '../storage/disk.ts';
import { DurableLog } from '../storage/durable-log.ts';
import { ownKinds } from './kinds.ts';
import type { RaftOptions, StateMachine } from './options.ts';
import { Replicated } from './replicated.ts';

/** The lost peers may have been in later terms than the one that is left has heard of. */
const termsAhead = 1_000_000;

export interface RecoverOptions extends Pick<RaftOptions, 'id' | 'directory' | 'disk' | 'kinds'> {
  /** Not used before. Every peer that is to belong to the cluster from now on is given it. */
  readonly clusterId: string;
  /** An empty one; it is given all that is in the log. */
  readonly stateMachine: StateMachine;
  /** Default: this peer alone. Others must begin with empty directories. */
  readonly voters?: readonly number[];
  /** Applied after everything else, as if they had been proposed. */
  readonly entries?: readonly Uint8Array[];
}

export interface RecoveryReport {
  /** The last entry of the log that was found, and up to where it was known to be committed. */
  readonly lastIndex: number;
  readonly commitIndex: number;
  /** The one to begin with from now on. */
  readonly term: number;
}

/**
 * Makes a cluster of its own of the peer in this directory, which must not run. If it fails in the middle, it is to be
 * done again, with the same id. Throws DirectoryLockedError, LogDamagedError, UnknownKindError
 * and DiskFullError.
 */
export async function recover(options: RecoverOptions): Promise<RecoveryReport> {
  const { id, directory, disk = realDisk, clusterId, voters = [id], stateMachine } = options;
  let failure: Error | undefined;
  const onFatal = (error: Error) => {
    failure = error;
  };
  const { log, recovered } = await DurableLog.open({ id, directory, disk, onFatal });
  try {
    const replicated = new Replicated(stateMachine, ownKinds(options.kinds));
    const { snapshot, entries, hardState } = recovered;
    if (snapshot !== undefined) replicated.restore(snapshot.data);
    for (const entry of entries) if (isCommand(entry)) replicated.apply(entry);
    const lastIndex = entries.at(-1)?.index ?? snapshot?.metadata.index ?? 0;
    const term = hardState.term + termsAhead;
    const own = options.entries ?? [];
    own.forEach((data, at) => {
      replicated.apply({ index: lastIndex + 1 + at, term, data });
    });

    // The id comes first: with it and without the rest nobody listens to anybody, and the rest can be done again.
    await writeClusterId(disk, directory, clusterId);
    const membership: ConfState = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    // One more entry than there is, so that no peer's log can have what the snapshot ends with.
    const metadata = { index: lastIndex + own.length + 1, term, confState: membership };
    await log.saveSnapshot({ metadata, data: replicated.snapshot() });
    await log.save({ reset: metadata, hardState: { term, vote: 0, commit: metadata.index }, entries: [] });
    if (failure !== undefined) throw failure;
    return { lastIndex, commitIndex: hardState.commit, term };
  } finally {
    await log.close();
  }
}

function isCommand(entry: Entry): boolean {
  return decodeConfChange(entry) === undefined && entry.data.length > 0;
}
