// An operation: what a user sees of a change under way. It holds no state that the change needs: the plan follows from
// what is wanted and from the facts.
import type { Accounts } from '@argosy/datastores';
import type { AdminUser } from './clusters.ts';
import type { Idempotency } from './idempotency.ts';
import type { PlannedStep } from './planned-step.ts';
import type { ClusterSpec } from './spec.ts';

export type OperationKind =
  | 'cluster.create'
  | 'cluster.delete'
  | 'cluster.update'
  | 'cluster.switchover'
  | 'cluster.failover'
  | 'cluster.repair'
  | 'cluster.credentials'
  | 'user.create'
  | 'user.delete'
  | 'user.grant'
  | 'user.revoke'
  | 'user.password'
  | 'database.create'
  | 'database.delete';
export type OperationStatus = 'RUNNING' | 'DONE' | 'FAILED' | 'CANCELLED';
export type StepStatus = 'PENDING' | 'RUNNING' | 'DONE' | 'FAILED';

/** What is to be done about a failure: the same again later, the same at another site, or nothing. */
export type FailureClass = 'retry' | 'elsewhere' | 'never';

export interface StepRecord {
  readonly id: string;
  readonly kind: string;
  readonly ordinal?: number;
  readonly region?: string;
  readonly status: StepStatus;
  readonly attempts: number;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** Of the last attempt. */
  readonly error?: string;
  readonly failureClass?: FailureClass;
  /** Not before this time is it tried again. */
  readonly retryAt?: string;
}

export interface Operation {
  readonly id: string;
  readonly kind: OperationKind;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly projectId: string;
  /** The revision of what is wanted that this operation leads to. */
  readonly revision: number;
  readonly status: OperationStatus;
  /** Set while the operation is still cleaning up after a failure, and after. */
  readonly error?: string;
  /** How it will end, once it will not reach its goal. */
  readonly outcome?: 'FAILED' | 'CANCELLED';
  /** The operation that took its place: a delete, which wishes nothing, or a failover, which leads to the same wish. */
  readonly supersededBy?: string;
  /** Absent for a create, before which nothing was wished. */
  readonly before?: Wish;
  readonly steps: readonly StepRecord[];
  readonly requestId: string;
  readonly idempotency?: Idempotency;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What was wished before a change, to be wished again when it fails. */
export interface Wish {
  readonly spec: ClusterSpec;
  readonly admin: AdminUser;
  readonly accounts?: Accounts;
  /** Ordinals. */
  readonly members: readonly number[];
}

/** Ended by another one that takes its place. */
export function supersede(operation: Operation, by: string, why: string, at: string): Operation {
  const error = `Superseded by operation ${by}${why}`;
  return { ...operation, status: 'CANCELLED', error, supersededBy: by, updatedAt: at };
}

/** True for what has no other wish to go back to: it is driven to its end, however long that takes. */
export function isUnstoppable({ kind }: Operation): boolean {
  return kind === 'cluster.failover' || kind === 'cluster.repair';
}

/** True for what is not wished again when it fails half-way: what is gone would come back without its contents. */
export function isRemoval({ kind }: Operation): boolean {
  return kind === 'user.delete' || kind === 'database.delete';
}

/** True when nothing of it will change any more. */
export function hasEnded(operation: Operation): boolean {
  return operation.status !== 'RUNNING';
}

/** A step that was planned. */
export function pendingStep(planned: PlannedStep): StepRecord {
  return { ...planned, status: 'PENDING', attempts: 0 };
}

/** With the steps that it did not know yet. */
export function addSteps(operation: Operation, planned: readonly PlannedStep[]): Operation {
  const known = new Set(operation.steps.map(({ id }) => id));
  const added = planned.filter(({ id }) => !known.has(id)).map(pendingStep);
  return added.length === 0 ? operation : { ...operation, steps: [...operation.steps, ...added] };
}

/** Steps that were planned and never begun are no longer part of the way. */
export function dropPending(operation: Operation): Operation {
  return {
    ...operation,
    steps: operation.steps.filter(({ status, attempts }) => status !== 'PENDING' || attempts > 0),
  };
}

/** Before it is tried again, or when it succeeded. */
export function withoutFailure(step: StepRecord): StepRecord {
  const { error: _error, failureClass: _class, retryAt: _retryAt, ...rest } = step;
  return rest;
}
