import type { RaftOptions } from '../driver/options.ts';

/** Entries, ticks and bytes that a peer's driver is given. */
export type PeerSettings = Pick<
  RaftOptions,
  | 'tickMs'
  | 'heartbeatTicks'
  | 'electionTicks'
  | 'leaseReads'
  | 'snapshotEveryEntries'
  | 'trailingEntries'
  | 'segmentBytes'
  | 'preallocateBytes'
  | 'sessionTimeoutMs'
  | 'receivedSyncBytes'
  | 'diskPatienceMs'
>;
