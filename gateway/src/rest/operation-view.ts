// An operation as the API shows it.
import { memberId } from '../state/clusters.ts';
import type { Operation, StepRecord } from '../state/operations.ts';

export function viewOperation(operation: Operation): object {
  return {
    id: operation.id,
    kind: operation.kind,
    target: { type: 'cluster', id: operation.clusterId, name: operation.clusterName },
    project_id: operation.projectId,
    status: operation.status,
    steps: operation.steps.map((step) => viewStep(operation, step)),
    error: operation.error ?? null,
    created_at: operation.createdAt,
    updated_at: operation.updatedAt,
  };
}

function viewStep({ clusterId }: Operation, step: StepRecord): object {
  return {
    id: step.id,
    kind: step.kind,
    member: step.ordinal === undefined ? null : memberId(clusterId, step.ordinal),
    region: step.region ?? null,
    status: step.status,
    attempts: step.attempts,
    started_at: step.startedAt ?? null,
    finished_at: step.finishedAt ?? null,
    error: step.error ?? null,
    retry_at: step.retryAt ?? null,
  };
}
