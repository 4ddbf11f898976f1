// /v2/clusters: what can be asked of clusters, and by whom. A change commits the wish, with its placement and its plan;
// members follow.
import { z } from 'zod';
import type { Cluster } from '../state/clusters.ts';
import type { Federation } from '../state/federation.ts';
import { type Caller, isAdmin } from './callers.ts';
import { changedCluster } from './changed-cluster.ts';
import {
  CHANGE_ANSWERS,
  CHANGE_ERRORS,
  CHANGE_QUERY,
  type Change,
  demandRevision,
  entityTag,
  makeChange,
} from './changes.ts';
import {
  type ClusterChangesOptions,
  creation,
  deletion,
  newPassword,
  replaceBody,
  replacement,
  switchover,
  switchoverBody,
  update,
} from './cluster-changes.ts';
import { clusterSchema, clusterStatus, clusterStatusSchema, type ViewContext, viewCluster } from './cluster-view.ts';
import { ApiError } from './errors.ts';
import { type FailoverOptions, failover, failoverBody } from './failover.ts';
import { clusterName, newCluster } from './new-cluster.ts';
import { emptyBody } from './objects.ts';
import { linksSchema, PAGE_QUERY, readPage } from './pages.ts';
import type { Route, RouteRequest, RouteResponse } from './route.ts';

export type ClustersOptions = ClusterChangesOptions & FailoverOptions & ViewContext;

/** Makes routes that change the cluster whose id is in their path. */
export function changeRoutes<Options extends ClusterChangesOptions>(options: Options) {
  return (
    description: ChangeDescription,
    work: (cluster: Cluster, request: RouteRequest, options: Options) => Change,
  ): Route => ({
    ...{ ...description, role: 'member', query: CHANGE_QUERY, headers: CHANGE_HEADERS, answers: CHANGE_ANSWERS },
    errors: [...CHANGE_ERRORS, ...(description.errors ?? [])],
    handle: (request) =>
      makeChange(request, options, () => {
        const cluster = findCluster(request, request.parameters.id ?? '', options.federation);
        demandRevision(request, cluster);
        return work(cluster, request, options);
      }),
  });
}

export function clusterRoutes(options: ClustersOptions): Route[] {
  const change = changeRoutes(options);
  return [
    {
      ...{ name: 'clusters.create', method: 'POST', path: '/v2/clusters', role: 'member', query: CHANGE_QUERY },
      summary: 'Wishes a cluster; its members follow',
      headers: ['idempotency-key'],
      body: newCluster,
      answers: CHANGE_ANSWERS,
      errors: [
        ...CHANGE_ERRORS,
        'cluster.name_taken',
        'datastore.unknown',
        'datastore.version_unknown',
        ...PARAMETERS,
        ...PLACING,
      ],
      handle: (request) => makeChange(request, options, () => creation(request, options)),
    },
    {
      ...{ name: 'clusters.list', method: 'GET', path: '/v2/clusters', role: 'reader' },
      summary: 'The clusters of the project; of all projects for an admin',
      query: { ...PAGE_QUERY, name: clusterName, status: clusterStatusSchema },
      answers: { 200: z.strictObject({ clusters: z.array(clusterSchema), links: linksSchema }) },
      errors: [],
      handle: (request) => listClusters(request, options),
    },
    {
      ...{ name: 'clusters.show', method: 'GET', path: '/v2/clusters/:id', role: 'reader', query: {} },
      summary: 'One cluster, by its id or its name; its ETag names what is wanted',
      answers: { 200: z.strictObject({ cluster: clusterSchema }) },
      errors: ['cluster.not_found'],
      handle: (request) => showCluster(request, options),
    },
    ...changesOfCluster(change),
  ];
}

function changesOfCluster(change: (description: ChangeDescription, work: ChangeOfCluster) => Route): Route[] {
  return [
    change(
      {
        ...{ name: 'clusters.update', method: 'PATCH', path: '/v2/clusters/:id' },
        summary: 'Changes what is wanted; what is not given stays',
        body: changedCluster,
        errors: ['cluster.unchanged', ...PARAMETERS, ...PLACING],
      },
      update,
    ),
    change(
      {
        ...{ name: 'clusters.delete', method: 'DELETE', path: '/v2/clusters/:id' },
        summary: 'Wishes the cluster no more',
      },
      deletion,
    ),
    change(
      {
        ...{ name: 'clusters.switchover', method: 'POST', path: '/v2/clusters/:id/switchover' },
        summary: 'Makes another voter the primary, and loses nothing',
        body: switchoverBody,
        errors: ['switchover.impossible'],
      },
      switchover,
    ),
    change(
      {
        ...{ name: 'clusters.failover', method: 'POST', path: '/v2/clusters/:id/failover' },
        summary: 'Makes another voter the primary without waiting for the present one',
        body: failoverBody,
        errors: ['failover.impossible'],
      },
      failover,
    ),
    change(
      {
        ...{ name: 'clusters.replace', method: 'POST', path: '/v2/clusters/:id/replace' },
        summary: 'Makes another member in the place of one that is lost',
        body: replaceBody,
        errors: ['replace.impossible', ...PLACING],
      },
      replacement,
    ),
    change(
      {
        ...{ name: 'clusters.credentials', method: 'POST', path: '/v2/clusters/:id/credentials' },
        summary: "Gives the cluster's admin user a new password",
        body: emptyBody,
      },
      newPassword,
    ),
  ];
}

const CHANGE_HEADERS = ['idempotency-key', 'if-match'] as const;
const PARAMETERS = ['parameter.unknown', 'parameter.reserved'] as const;
/** What can keep members from being placed. */
const PLACING = ['placement.infeasible', 'regions.silent'] as const;

type ChangeDescription = Pick<Route, 'name' | 'method' | 'path' | 'summary' | 'body'> & Partial<Pick<Route, 'errors'>>;
type ChangeOfCluster = (cluster: Cluster, request: RouteRequest, options: ClustersOptions) => Change;

async function listClusters({ caller, query }: RouteRequest, options: ClustersOptions): Promise<RouteResponse> {
  const mine = options.federation.clusters().filter((cluster) => isVisible(caller, cluster.projectId));
  const wished = mine.filter(
    (cluster) =>
      (query.name === undefined || cluster.name === query.name) &&
      (query.status === undefined || clusterStatus(cluster, options.federation) === query.status),
  );
  const { page, links } = readPage(wished, query, '/v2/clusters');
  const heard = await options.hear(page.map(({ id }) => id));
  return { status: 200, body: { clusters: page.map((cluster) => viewCluster(cluster, options, heard)), links } };
}

async function showCluster(request: RouteRequest, options: ClustersOptions): Promise<RouteResponse> {
  const cluster = findCluster(request, request.parameters.id ?? '', options.federation);
  const body = { cluster: viewCluster(cluster, options, await options.hear([cluster.id])) };
  return { status: 200, headers: { etag: entityTag(cluster) }, body };
}

/** @throws ApiError cluster.not_found, also for another project's: its existence is nobody else's business. */
export function findCluster(
  { caller }: Pick<RouteRequest, 'caller'>,
  idOrName: string,
  federation: Federation,
): Cluster {
  const cluster =
    federation.findCluster(caller.projectId, idOrName) ??
    (isAdmin(caller) ? federation.findCluster(undefined, idOrName) : undefined);
  if (cluster === undefined) {
    throw new ApiError('cluster.not_found', `There is no cluster "${idOrName}" in this project.`);
  }
  return cluster;
}

function isVisible(caller: Caller, projectId: string): boolean {
  return isAdmin(caller) || caller.projectId === projectId;
}
