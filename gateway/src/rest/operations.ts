// /v2/operations
import { z } from 'zod';
import { plan } from '../planning/cluster.ts';
import type { Applied, EntryBody } from '../state/entries.ts';
import type { Federation } from '../state/federation.ts';
import { hasEnded, isRemoval, isUnstoppable, type Operation } from '../state/operations.ts';
import { afterGivingUp } from '../state/wishes.ts';
import { isAdmin } from './callers.ts';
import { ApiError } from './errors.ts';
import { emptyBody, readObject } from './objects.ts';
import { operationSchema, viewOperation } from './operation-view.ts';
import { linksSchema, PAGE_QUERY, readPage } from './pages.ts';
import type { Route, RouteRequest, RouteResponse } from './route.ts';

export interface OperationsOptions {
  readonly federation: Federation;
  readonly propose: (entry: EntryBody) => Promise<Applied>;
}

const operationAnswer = z.strictObject({ operation: operationSchema });

export function operationRoutes(options: OperationsOptions): Route[] {
  const { federation } = options;
  return [
    {
      ...{ name: 'operations.list', method: 'GET', path: '/v2/operations', role: 'reader', query: PAGE_QUERY },
      summary: 'Operations, the newest first',
      answers: { 200: z.strictObject({ operations: z.array(operationSchema), links: linksSchema }) },
      errors: [],
      handle: ({ caller, query }) => {
        const mine = federation
          .operations()
          .filter(({ projectId }) => isAdmin(caller) || projectId === caller.projectId);
        const { page, links } = readPage(mine.reverse(), query, '/v2/operations');
        return {
          status: 200,
          body: { operations: page.map((operation) => viewOperation(operation, federation)), links },
        };
      },
    },
    {
      ...{ name: 'operations.show', method: 'GET', path: '/v2/operations/:id', role: 'reader', query: {} },
      summary: 'One operation, with its steps',
      answers: { 200: operationAnswer },
      errors: ['operation.not_found'],
      handle: (request) => ({
        status: 200,
        body: { operation: viewOperation(findOperation(request, federation), federation) },
      }),
    },
    {
      ...{ name: 'operations.cancel', method: 'POST', path: '/v2/operations/:id/cancel', role: 'member', query: {} },
      summary: 'Wishes again what was wished before the operation',
      body: emptyBody,
      answers: { 202: operationAnswer },
      errors: ['operation.not_found', 'operation.ended', 'operation.not_cancellable'],
      handle: (request) => cancel(request, options),
    },
  ];
}

/** What was wished before is wished again; the operation ends when the plan back is done. @throws ApiError */
async function cancel(request: RouteRequest, { federation, propose }: OperationsOptions): Promise<RouteResponse> {
  readObject(request.body ?? {}, emptyBody);
  const operation = findOperation(request, federation);
  const cluster = federation.cluster(operation.clusterId);
  if (hasEnded(operation) || cluster === undefined) {
    throw new ApiError('operation.ended', `The operation has ended: ${operation.status}.`);
  }
  const point = pointOfNoReturn(operation);
  if (point !== undefined) throw new ApiError('operation.not_cancellable', point);

  const steps = plan(afterGivingUp(cluster, operation)).map(({ id, kind, ordinal, region }) => ({
    id,
    kind,
    ordinal,
    region,
  }));
  const error = `Cancelled by ${request.caller.userName}.`;
  const { refused } = await propose({
    kind: 'operation.failing',
    operationId: operation.id,
    outcome: 'CANCELLED',
    error,
    steps,
  });
  if (refused !== undefined) throw new ApiError('operation.ended', refused.message);
  const changed = federation.operation(operation.id) ?? operation;
  const headers = { location: `/v2/operations/${operation.id}` };
  return { status: 202, headers, body: { operation: viewOperation(changed, federation) } };
}

/** Why there is no way back any more; undefined while there is one. */
function pointOfNoReturn(operation: Operation): string | undefined {
  const hasBegun = (kind: string): boolean => operation.steps.some((step) => step.kind === kind && step.attempts > 0);
  if (operation.kind === 'cluster.delete') return 'A delete cannot be cancelled: members are being removed.';
  if (isUnstoppable(operation)) return 'There is nothing to go back to: it is driven to its end.';
  if (operation.outcome !== undefined) return 'The operation is on its way back already.';
  if (isRemoval(operation) && hasBegun('set_accounts')) return 'It is being removed already.';
  if (hasBegun('raise_epoch')) return 'A switchover that has begun is driven to its end.';
  if (operation.before !== undefined && hasBegun('remove_member')) return 'Members have been removed already.';
  return hasBegun('resize') ? 'Members have been resized already.' : undefined;
}

function findOperation({ caller, parameters }: RouteRequest, federation: Federation): Operation {
  const operation = federation.operation(parameters.id ?? '');
  if (operation === undefined || !(isAdmin(caller) || operation.projectId === caller.projectId)) {
    throw new ApiError('operation.not_found', `There is no operation "${parameters.id}" in this project.`);
  }
  return operation;
}
