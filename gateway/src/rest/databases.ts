// /v2/clusters/{id}/databases: databases beside the cluster's first.
import { z } from 'zod';
import { accountsOf, withDatabase, withoutDatabase } from '../state/accounts.ts';
import type { Cluster } from '../state/clusters.ts';
import {
  accountName,
  accountStatus,
  accountsChange,
  accountsDefinition,
  demandNew,
  statusOf,
} from './account-changes.ts';
import type { Change } from './changes.ts';
import type { ClusterChangesOptions } from './cluster-changes.ts';
import { changeRoutes, findCluster } from './clusters.ts';
import { ApiError } from './errors.ts';
import { readObject } from './objects.ts';
import type { Route, RouteRequest } from './route.ts';

const PATH = '/v2/clusters/:id/databases';

const databaseSchema = z.strictObject({ name: z.string(), status: accountStatus }).meta({ id: 'Database' });

const newDatabase = z.strictObject({ database: z.strictObject({ name: accountName }) });

export function databaseRoutes(options: ClusterChangesOptions): Route[] {
  const { federation } = options;
  const change = changeRoutes(options);
  return [
    {
      ...{ name: 'databases.list', method: 'GET', path: PATH, role: 'reader', query: {} },
      summary: 'The databases of a cluster, beside its first',
      answers: { 200: z.strictObject({ databases: z.array(databaseSchema) }) },
      errors: ['cluster.not_found'],
      handle: (request) => {
        const cluster = findCluster(request, request.parameters.id ?? '', federation);
        const status = statusOf(cluster);
        const databases = accountsOf(cluster).databases.map(({ name }) => ({ name, status }));
        return { status: 200, body: { databases } };
      },
    },
    change(
      {
        ...{ name: 'databases.create', method: 'POST', path: PATH },
        summary: 'Makes a database, which nobody may use yet but the first user',
        body: newDatabase,
        errors: ['database.name_taken', 'account.unsupported'],
      },
      create,
    ),
    change(
      {
        ...{ name: 'databases.delete', method: 'DELETE', path: `${PATH}/:database` },
        summary: 'Removes a database with all that is in it',
        errors: ['database.not_found'],
      },
      remove,
    ),
  ];
}

/** @throws ApiError database.not_found */
export function demandDatabase(cluster: Cluster, name: string): void {
  if (accountsOf(cluster).databases.some((database) => database.name === name)) return;
  throw new ApiError('database.not_found', `The cluster has no database "${name}" that was made by this API.`);
}

function create(cluster: Cluster, { body, requestId }: RouteRequest, options: ClusterChangesOptions): Change {
  const { name } = readObject(body, newDatabase).database;
  accountsDefinition(cluster, 'database', options.datastores);
  demandNew(cluster, 'database', name, options.datastores);
  const accounts = withDatabase(accountsOf(cluster), name);
  return accountsChange(cluster, accounts, { operationKind: 'database.create', requestId }, options);
}

function remove(cluster: Cluster, { parameters, requestId }: RouteRequest, options: ClusterChangesOptions): Change {
  const name = parameters.database ?? '';
  demandDatabase(cluster, name);
  const accounts = withoutDatabase(accountsOf(cluster), name);
  return accountsChange(cluster, accounts, { operationKind: 'database.delete', requestId }, options);
}
