import type { CoreConfig } from '../core/raft.ts';
import type { RaftOptions } from './options.ts';

export const defaults = {
  tickMs: 100,
  heartbeatTicks: 1,
  electionTicks: 10,
  snapshotEveryEntries: 10_000,
  trailingEntries: 1_000,
  timeoutMs: 5_000,
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

export function coreConfig(options: RaftOptions): CoreConfig {
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
  };
}
