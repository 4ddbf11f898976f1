// How the entries about operations and their steps change the state.
import { applyFact } from './apply-fact.ts';
import type { Applied, EntryOf, PlannedStep } from './entries.ts';
import { refuse } from './entries.ts';
import { addSteps, dropPending, hasEnded, type StepRecord, withoutFailure } from './operations.ts';
import type { Tables } from './tables.ts';
import { afterGivingUp } from './wishes.ts';

export function startStep(tables: Tables, entry: EntryOf<'step.started'>): Applied {
  return changeStep(
    tables,
    entry.operationId,
    entry.step,
    (step) => ({
      ...withoutFailure(step),
      status: 'RUNNING',
      attempts: step.attempts + 1,
      startedAt: step.startedAt ?? entry.at,
    }),
    entry.at,
  );
}

export function failOperation(tables: Tables, entry: EntryOf<'operation.failing'>): Applied {
  const operation = tables.operations.get(entry.operationId);
  const cluster = operation && tables.clusters.get(operation.clusterId);
  if (operation === undefined || cluster === undefined) return refuse('operation.not_found', 'The operation is gone.');
  if (hasEnded(operation) || operation.error !== undefined)
    return refuse('state.stale', 'The operation has failed already.');

  tables.operations.set(operation.id, {
    ...addSteps(dropPending(operation), entry.steps),
    error: entry.error,
    outcome: entry.outcome,
    updatedAt: entry.at,
  });
  const isCreate = operation.before === undefined;
  const next = { ...afterGivingUp(cluster, operation), ...(isCreate ? { failure: entry.error } : {}) };
  tables.setCluster(next, entry.at);
  return {};
}

export function endOperation(tables: Tables, entry: EntryOf<'operation.ended'>): Applied {
  const operation = tables.operations.get(entry.operationId);
  if (operation === undefined) return refuse('operation.not_found', 'The operation is gone.');
  if (hasEnded(operation)) return {};

  const status = operation.outcome ?? 'DONE';
  tables.operations.set(operation.id, { ...dropPending(operation), status, updatedAt: entry.at });
  if (operation.kind === 'cluster.delete' && status === 'DONE') tables.clusters.delete(operation.clusterId);
  return {};
}

export function finishStep(tables: Tables, entry: EntryOf<'step.finished'>): Applied {
  const operation = tables.operations.get(entry.operationId);
  const cluster = operation && tables.clusters.get(operation.clusterId);
  if (operation === undefined || cluster === undefined) return refuse('operation.not_found', 'The operation is gone.');

  // Facts are true whoever asked for them, so they count also when the operation was superseded meanwhile.
  tables.setCluster(entry.facts.reduce(applyFact, cluster), entry.at);
  return changeStep(
    tables,
    operation.id,
    { id: entry.stepId, kind: '' },
    (step) => ({ ...withoutFailure(step), status: 'DONE', finishedAt: entry.at }),
    entry.at,
  );
}

/** A kind of its own tells peers of before that they cannot apply the fact. */
export function establishFact(
  tables: Tables,
  entry: EntryOf<'member.configured' | 'member.listed' | 'member.returned'>,
): Applied {
  return finishStep(tables, { ...entry, kind: 'step.finished', facts: [entry.fact] });
}

export function failStep(tables: Tables, entry: EntryOf<'step.failed'>): Applied {
  const failure = {
    error: entry.error,
    failureClass: entry.failureClass,
    ...(entry.retryAt === undefined ? {} : { retryAt: entry.retryAt }),
  };
  const status = entry.failureClass === 'retry' ? 'PENDING' : 'FAILED';
  return changeStep(
    tables,
    entry.operationId,
    { id: entry.stepId, kind: '' },
    (step) => ({ ...withoutFailure(step), ...failure, status }),
    entry.at,
  );
}

export function changeStep(
  tables: Tables,
  operationId: string,
  planned: PlannedStep,
  change: (step: StepRecord) => StepRecord,
  at: string,
): Applied {
  const operation = tables.operations.get(operationId);
  if (operation === undefined) return refuse('operation.not_found', 'The operation is gone.');
  if (hasEnded(operation)) return refuse('state.stale', 'The operation has ended.');

  const complete = addSteps(operation, [planned]);
  const steps = complete.steps.map((step) => (step.id === planned.id ? change(step) : step));
  tables.operations.set(operation.id, { ...complete, steps, updatedAt: at });
  return {};
}
