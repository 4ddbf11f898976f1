import { assert } from '../assert.ts';
import type { Snapshot } from '../core/messages.ts';
import type { CoreConfig } from '../core/raft.ts';
import { realDisk } from '../storage/disk.ts';
import type { DurableLogOptions } from '../storage/log-options.ts';
import type { RaftOptions } from './options.ts';

export const defaults = {
  tickMs: 100,
  heartbeatTicks: 1,
  electionTicks: 10,
  snapshotEveryEntries: 10_000,
  trailingEntries: 1_000,
  receivedSyncBytes: 2 * 1024 * 1024,
  timeoutMs: 5_000,
  sessionTimeoutMs: 600_000,
} as const;

/** Election timeouts after which a snapshot that nobody acknowledged is sent again. */
const snapshotRetryElections = 10;

/** What the core may hold and send at once. */
const limits = {
  maxBytesPerMessage: 1024 * 1024,
  maxInflightMessages: 256,
  maxInflightBytes: 4 * 1024 * 1024,
  maxUncommittedBytes: 64 * 1024 * 1024,
  maxAppliedBytesPerReady: 1024 * 1024,
} as const;

/** One proposal's data. Larger things belong elsewhere, with their address in the log. */
export const maxProposalBytes = 1024 * 1024;
/** Proposals, reads or commands of sessions that wait on one peer; beyond it they are refused. */
export const maxWaiting = 100_000;

export function checkPeers({ id, peers, voters = peers.map((peer) => peer.id) }: RaftOptions): void {
  const areKnown = [id, ...voters].every((known) => peers.some((peer) => peer.id === known));
  assert(areKnown, 'this peer and the first voters are among the peers');
}

export function logOptions(options: RaftOptions): Omit<DurableLogOptions, 'onFatal'> {
  const { id, directory, disk = realDisk, segmentBytes, preallocateBytes } = options;
  return {
    ...{ id, directory, disk },
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
    ...(preallocateBytes === undefined ? {} : { preallocateBytes }),
  };
}

export function coreConfig(options: RaftOptions, snapshotSource: () => Snapshot | undefined): CoreConfig {
  const electionTicks = options.electionTicks ?? defaults.electionTicks;
  return {
    id: options.id,
    voters: options.voters ?? options.peers.map(({ id }) => id),
    electionTicks,
    heartbeatTicks: options.heartbeatTicks ?? defaults.heartbeatTicks,
    randomElectionTicks: () => electionTicks + Math.floor(options.random() * electionTicks),
    snapshotRetryTicks: electionTicks * snapshotRetryElections,
    preVote: true,
    checkQuorum: true,
    readOnly: options.leaseReads === true ? 'lease-based' : 'safe',
    // Its callers are to know whether a proposal was appended.
    disableProposalForwarding: true,
    stepDownOnRemoval: true,
    limits,
    snapshotSource,
  };
}
