// What the changes of users and databases have in common: the engine knows such things, the cluster has room for more, and
// what comes out is one entry with all that is wished from now on.
import type { AccountKind, Accounts, AccountsDefinition, Datastores } from '@argosy/datastores';
import { z } from 'zod';
import { accountsOf, untoldKeepers } from '../state/accounts.ts';
import { type Cluster, isEngineRuled } from '../state/clusters.ts';
import type { OperationKind } from '../state/operations.ts';
import type { Change } from './changes.ts';
import type { ClusterChangesOptions } from './cluster-changes.ts';
import { ApiError, invalidField } from './errors.ts';

/** Of a cluster, beside its first ones. */
export const MAX_OF_KIND: Readonly<Record<AccountKind, number>> = { user: 100, database: 100 };
const MAX_NAME = 63;

export const accountName = z.string().min(1).max(MAX_NAME);

/** Whether members have what is wished already. */
export const accountStatus = z
  .enum(['ACTIVE', 'PENDING'])
  .meta({ description: 'Pending: not every member that keeps it has been told the newest.' });

export function statusOf(cluster: Cluster): z.infer<typeof accountStatus> {
  const isOfEpoch = cluster.primary !== undefined || isEngineRuled(cluster);
  return isOfEpoch && untoldKeepers(cluster).length === 0 ? 'ACTIVE' : 'PENDING';
}

/** @throws ApiError account.unsupported */
export function accountsDefinition(cluster: Cluster, kind: AccountKind, datastores: Datastores): AccountsDefinition {
  const { type } = cluster.spec.datastore;
  const definition = datastores.find(type)?.accounts;
  if (definition !== undefined && (kind === 'user' || definition.hasDatabases)) return definition;
  const what = kind === 'user' ? 'users beside the first' : 'databases by name';
  throw new ApiError('account.unsupported', `${type} has no ${what} here.`);
}

/** @throws ApiError when there may be no such thing, or no more of its kind */
export function demandNew(cluster: Cluster, kind: AccountKind, name: string, datastores: Datastores): void {
  const problem = accountsDefinition(cluster, kind, datastores).nameProblem(kind, name);
  if (problem !== undefined) throw invalidField(`${kind}.name`, `"${name}" ${problem}`);
  const { users, databases } = accountsOf(cluster);
  const known: readonly { readonly name: string }[] = kind === 'user' ? users : databases;
  if (known.some((each) => each.name === name)) {
    throw new ApiError(`${kind}.name_taken`, `The cluster has a ${kind} "${name}" already.`);
  }
  if (known.length >= MAX_OF_KIND[kind]) {
    throw new ApiError('quota.exceeded', `A cluster has at most ${MAX_OF_KIND[kind]} ${kind}s beside its first.`);
  }
}

export function accountsChange(
  cluster: Cluster,
  accounts: Accounts,
  { operationKind, requestId }: { readonly operationKind: OperationKind; readonly requestId: string },
  options: Pick<ClusterChangesOptions, 'newId'>,
): Change {
  return {
    entry: {
      ...{ kind: 'accounts.changed', clusterId: cluster.id, operationId: options.newId(), operationKind, requestId },
      ...{ baseRevision: cluster.revision, accounts, steps: [] },
    },
    reasons: [],
  };
}
