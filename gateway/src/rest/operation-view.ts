// An operation as the API shows it. Why a step waits is worked out from the facts as they are now.
import { z } from 'zod';
import { readySteps } from '../planning/ready.ts';
import { memberId } from '../state/clusters.ts';
import type { Federation } from '../state/federation.ts';
import { hasEnded, type Operation, type StepRecord } from '../state/operations.ts';

const time = z.iso.datetime();

const stepSchema = z
  .strictObject({
    id: z.string(),
    kind: z.string(),
    member: z.string().nullable(),
    region: z.string().nullable(),
    status: z.enum(['PENDING', 'RUNNING', 'DONE', 'FAILED']),
    attempts: z.int(),
    started_at: time.nullable(),
    finished_at: time.nullable(),
    error: z.string().nullable().meta({ description: 'Of the last attempt.' }),
    retry_at: time.nullable(),
    blocked: z.string().optional().meta({ description: 'Why it waits.' }),
  })
  .meta({ id: 'Step' });

export const operationSchema = z
  .strictObject({
    id: z.string(),
    kind: z.string().meta({ description: 'Such as `cluster.create`.' }),
    target: z.strictObject({ type: z.literal('cluster'), id: z.string(), name: z.string() }),
    project_id: z.string(),
    status: z.enum(['RUNNING', 'DONE', 'FAILED', 'CANCELLED']),
    steps: z.array(stepSchema),
    error: z.string().nullable(),
    superseded_by: z
      .string()
      .nullable()
      .meta({ description: 'The operation that took its place: a failover leads to what this one wished.' }),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Operation' });
export type OperationView = z.infer<typeof operationSchema>;

export function viewOperation(operation: Operation, federation: Federation): OperationView {
  const blocks = blocksOf(operation, federation);
  return {
    id: operation.id,
    kind: operation.kind,
    target: { type: 'cluster', id: operation.clusterId, name: operation.clusterName },
    project_id: operation.projectId,
    status: operation.status,
    steps: operation.steps.map((step) => viewStep(operation, step, blocks.get(step.id))),
    error: operation.error ?? null,
    superseded_by: operation.supersededBy ?? null,
    created_at: operation.createdAt,
    updated_at: operation.updatedAt,
  };
}

function blocksOf(operation: Operation, federation: Federation): ReadonlyMap<string, string> {
  const cluster = federation.cluster(operation.clusterId);
  if (hasEnded(operation) || cluster === undefined) return new Map();
  return new Map(readySteps(cluster).flatMap(({ id, blocked }) => (blocked === undefined ? [] : [[id, blocked]])));
}

function viewStep(
  { clusterId }: Operation,
  step: StepRecord,
  blocked: string | undefined,
): OperationView['steps'][number] {
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
