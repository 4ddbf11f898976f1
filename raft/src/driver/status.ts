import type { ConfState } from '../core/messages.ts';
import type { BasicStatus } from '../core/raw-node.ts';
import type { DiskSpace } from '../storage/log-options.ts';
import type { RaftSummary } from './options.ts';

/** What the driver knows beside the core. */
export interface DriverStatus {
  readonly appliedIndex: number;
  /** Of the last applied entry. */
  readonly appliedTerm: number;
  readonly snapshotIndex: number;
  readonly diskSpace: DiskSpace;
  readonly membership: ConfState;
}

export function summaryOf(core: BasicStatus, driver: DriverStatus): RaftSummary {
  return {
    id: core.id,
    term: core.term,
    role: core.role,
    ...(core.lead > 0 ? { leaderId: core.lead } : {}),
    isEstablishedLeader: core.role === 'leader' && driver.appliedTerm === core.term,
    commitIndex: core.commit,
    firstIndex: core.firstIndex,
    lastIndex: core.lastIndex,
    appliedIndex: driver.appliedIndex,
    snapshotIndex: driver.snapshotIndex,
    diskSpace: driver.diskSpace,
    membership: driver.membership,
  };
}
