// /v2/clusters/{id}/users: users beside the cluster's first, and what they may do in its databases. A password is answered
// once; what is kept of it is what the engine keeps.
import type { Grant, UserAccount } from '@argosy/datastores';
import { z } from 'zod';
import { accountsOf, withGrant, withoutGrant, withoutUser, withUser } from '../state/accounts.ts';
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
import { type ClusterChangesOptions, newSecret } from './cluster-changes.ts';
import { changeRoutes, findCluster } from './clusters.ts';
import { demandDatabase } from './databases.ts';
import { ApiError, invalidField } from './errors.ts';
import { emptyBody, readObject } from './objects.ts';
import type { Route, RouteRequest } from './route.ts';

const PATH = '/v2/clusters/:id/users';
const MAX_GRANTS = 100;
const MAX_WORD = 32;

const grantSchema = z.strictObject({
  database: accountName,
  privilege: z.string().min(1).max(MAX_WORD).meta({ description: "One of the datastore's `privileges`." }),
});
const userSchema = z
  .strictObject({ name: z.string(), grants: z.array(grantSchema), status: accountStatus })
  .meta({ id: 'User' });
const newUser = z.strictObject({
  user: z.strictObject({ name: accountName, grants: z.array(grantSchema).max(MAX_GRANTS).default([]) }),
});
const revokeBody = z.strictObject({ database: accountName });

type Work = (cluster: Cluster, request: RouteRequest, options: ClusterChangesOptions) => Change;

export function userRoutes(options: ClusterChangesOptions): Route[] {
  return [...reads(options), ...changes(options)];
}

function reads({ federation }: ClusterChangesOptions): Route[] {
  return [
    {
      ...{ name: 'users.list', method: 'GET', path: PATH, role: 'reader', query: {} },
      summary: 'The users of a cluster, beside its first',
      answers: { 200: z.strictObject({ users: z.array(userSchema) }) },
      errors: ['cluster.not_found'],
      handle: (request) => {
        const cluster = findCluster(request, request.parameters.id ?? '', federation);
        return { status: 200, body: { users: accountsOf(cluster).users.map((user) => viewUser(user, cluster)) } };
      },
    },
    {
      ...{ name: 'users.show', method: 'GET', path: `${PATH}/:user`, role: 'reader', query: {} },
      summary: 'One user, with what is granted',
      answers: { 200: z.strictObject({ user: userSchema }) },
      errors: ['cluster.not_found', 'user.not_found'],
      handle: (request) => {
        const cluster = findCluster(request, request.parameters.id ?? '', federation);
        return { status: 200, body: { user: viewUser(findUser(cluster, request), cluster) } };
      },
    },
  ];
}

function changes(options: ClusterChangesOptions): Route[] {
  const change = changeRoutes(options);
  const ofUser = (verb: string, summary: string, body: z.ZodType, errors: Route['errors'], work: Work): Route =>
    change(
      {
        ...{ name: `users.${verb}`, method: 'POST', path: `${PATH}/:user/${verb}`, summary, body },
        errors: ['user.not_found', ...errors],
      },
      work,
    );
  return [
    change(
      {
        ...{ name: 'users.create', method: 'POST', path: PATH, body: newUser },
        summary: 'Makes a user; its password is told once',
        errors: ['user.name_taken', 'account.unsupported', 'database.not_found'],
      },
      create,
    ),
    change(
      {
        ...{ name: 'users.delete', method: 'DELETE', path: `${PATH}/:user` },
        summary: 'Ends the sessions of a user and removes it; what it made stays',
        errors: ['user.not_found'],
      },
      remove,
    ),
    ofUser(
      'grant',
      'Grants a privilege in a database',
      grantSchema,
      ['database.not_found', 'cluster.unchanged'],
      grant,
    ),
    ofUser('revoke', 'Takes away what was granted in a database', revokeBody, ['cluster.unchanged'], revoke),
    ofUser('password', 'Gives a user a new password, which is told once', emptyBody, [], password),
  ];
}

function create(cluster: Cluster, { body, requestId }: RouteRequest, options: ClusterChangesOptions): Change {
  const { name, grants } = readObject(body, newUser).user;
  demandNew(cluster, 'user', name, options.datastores);
  for (const each of grants) demandGrant(cluster, each, 'user.grants', options);
  const wished = grants.reduce<readonly Grant[]>(withGrant, []);
  return secretChange(cluster, { name, grants: wished }, { operationKind: 'user.create', requestId }, options);
}

function remove(cluster: Cluster, request: RouteRequest, options: ClusterChangesOptions): Change {
  const { name } = findUser(cluster, request);
  const kind = { operationKind: 'user.delete', requestId: request.requestId } as const;
  return accountsChange(cluster, withoutUser(accountsOf(cluster), name), kind, options);
}

function grant(cluster: Cluster, request: RouteRequest, options: ClusterChangesOptions): Change {
  const user = findUser(cluster, request);
  const wished = readObject(request.body, grantSchema);
  demandGrant(cluster, wished, 'privilege', options);
  const known = user.grants.find(({ database }) => database === wished.database);
  if (known?.privilege === wished.privilege) {
    throw new ApiError('cluster.unchanged', `${user.name} has ${wished.privilege} in ${wished.database} already.`);
  }
  const accounts = withUser(accountsOf(cluster), { ...user, grants: withGrant(user.grants, wished) });
  return accountsChange(cluster, accounts, { operationKind: 'user.grant', requestId: request.requestId }, options);
}

function revoke(cluster: Cluster, request: RouteRequest, options: ClusterChangesOptions): Change {
  const user = findUser(cluster, request);
  const { database } = readObject(request.body, revokeBody);
  if (!user.grants.some((known) => known.database === database)) {
    throw new ApiError('cluster.unchanged', `Nothing is granted to ${user.name} in ${database}.`);
  }
  const accounts = withUser(accountsOf(cluster), { ...user, grants: withoutGrant(user.grants, database) });
  return accountsChange(cluster, accounts, { operationKind: 'user.revoke', requestId: request.requestId }, options);
}

function password(cluster: Cluster, request: RouteRequest, options: ClusterChangesOptions): Change {
  readObject(request.body ?? {}, emptyBody);
  const kind = { operationKind: 'user.password', requestId: request.requestId } as const;
  return secretChange(cluster, findUser(cluster, request), kind, options);
}

function secretChange(
  cluster: Cluster,
  { name, grants }: Pick<UserAccount, 'name' | 'grants'>,
  kind: Parameters<typeof accountsChange>[2],
  options: ClusterChangesOptions,
): Change {
  const { verifier, secret } = newSecret(cluster.spec, options);
  const accounts = withUser(accountsOf(cluster), { name, verifier, grants });
  const { hasDatabases } = accountsDefinition(cluster, 'user', options.datastores);
  const [first] = hasDatabases ? grants : [];
  const credentials = {
    username: name,
    password: secret,
    ...(first === undefined ? {} : { database: first.database }),
  };
  return { ...accountsChange(cluster, accounts, kind, options), credentials };
}

function demandGrant(cluster: Cluster, { database, privilege }: Grant, field: string, options: ClusterChangesOptions) {
  const definition = accountsDefinition(cluster, 'user', options.datastores);
  const { privileges } = definition;
  if (!privileges.includes(privilege)) throw invalidField(field, `the privileges are ${privileges.join(', ')}`);
  if (definition.hasDatabases) return demandDatabase(cluster, database);
  const problem = definition.nameProblem('database', database);
  if (problem !== undefined) throw invalidField(field, `"${database}" ${problem}`);
}

/** @throws ApiError user.not_found */
function findUser(cluster: Cluster, { parameters }: Pick<RouteRequest, 'parameters'>): UserAccount {
  const user = accountsOf(cluster).users.find(({ name }) => name === parameters.user);
  if (user === undefined) throw new ApiError('user.not_found', `The cluster has no user "${parameters.user}".`);
  return user;
}

function viewUser({ name, grants }: UserAccount, cluster: Cluster): z.infer<typeof userSchema> {
  return {
    name,
    grants: grants.map(({ database, privilege }) => ({ database, privilege })),
    status: statusOf(cluster),
  };
}
