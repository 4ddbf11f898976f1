// An operation as the API shows it. Why a step waits is worked out from the facts as they are now.
import { readySteps } from '../planning/ready.ts';
import { memberId } from '../state/clusters.ts';
import type { Federation } from '../state/federation.ts';
import { hasEnded, type Operation, type StepRecord } from '../state/operations.ts';

export function viewOperation(operation: Operation, federation: Federation): object {
  const blocks = blocksOf(operation, federation);
  return {
    id: operation.id,
    kind: operation.kind,
    target: { type: 'cluster', id: operation.clusterId, name: operation.clusterName },
    project_id: operation.projectId,
    status: operation.status,
    steps: operation.steps.map((step) => viewStep(operation, step, blocks.get(step.id))),
    error: operation.error ?? null,
    created_at: operation.createdAt,
    updated_at: operation.updatedAt,
  };
}

function blocksOf(operation: Operation, federation: Federation): ReadonlyMap<string, string> {
  const cluster = federation.cluster(operation.clusterId);
  if (hasEnded(operation) || cluster === undefined) return new Map();
  return new Map(readySteps(cluster).flatMap(({ id, blocked }) => (blocked === undefined ? [] : [[id, blocked]])));
}

function viewStep({ clusterId }: Operation, step: StepRecord, blocked: string | undefined): object {
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
    ...(blocked === undefined ? {} : { blocked }),
  };
}
