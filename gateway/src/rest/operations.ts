// /v2/operations
import type { Federation } from '../state/federation.ts';
import { isAdmin } from './callers.ts';
import { ApiError } from './errors.ts';
import { viewOperation } from './operation-view.ts';
import { readPage } from './pages.ts';
import type { Route } from './route.ts';

export function operationRoutes(federation: Federation): Route[] {
  return [
    {
      name: 'operations.list',
      method: 'GET',
      path: '/v2/operations',
      role: 'reader',
      query: ['limit', 'marker'],
      handle: ({ caller, query }) => {
        const mine = federation
          .operations()
          .filter(({ projectId }) => isAdmin(caller) || projectId === caller.projectId);
        const { page, links } = readPage(mine.reverse(), query, '/v2/operations');
        return { status: 200, body: { operations: page.map(viewOperation), links } };
      },
    },
    {
      name: 'operations.show',
      method: 'GET',
      path: '/v2/operations/:id',
      role: 'reader',
      query: [],
      handle: ({ caller, parameters }) => {
        const operation = federation.operation(parameters.id ?? '');
        if (operation === undefined || !(isAdmin(caller) || operation.projectId === caller.projectId)) {
          throw new ApiError('operation.not_found', `There is no operation "${parameters.id}" in this project.`);
        }
        return { status: 200, body: { operation: viewOperation(operation) } };
      },
    },
  ];
}
