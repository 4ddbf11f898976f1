// /v2/clusters: what can be asked of clusters, and by whom. A change commits the wish, with its placement and its plan;
// members follow.
import type { Cluster } from '../state/clusters.ts';
import type { Federation } from '../state/federation.ts';
import { type Caller, isAdmin } from './callers.ts';
import { CHANGE_QUERY, type Change, entityTag, makeChange } from './changes.ts';
import { type ClusterChangesOptions, creation, deletion, newPassword, switchover, update } from './cluster-changes.ts';
import { clusterStatus, type ViewContext, viewCluster } from './cluster-view.ts';
import { ApiError } from './errors.ts';
import { readPage } from './pages.ts';
import type { Route, RouteRequest, RouteResponse } from './route.ts';

export type ClustersOptions = ClusterChangesOptions & ViewContext;

export function clusterRoutes(options: ClustersOptions): Route[] {
  const change = (name: string, method: Route['method'], path: string, work: ChangeOfCluster): Route => ({
    ...{ name, method, path, role: 'member', query: CHANGE_QUERY },
    handle: (request) =>
      makeChange(request, options, () => work(findCluster(request, options.federation), request, options)),
  });
  return [
    {
      ...{ name: 'clusters.create', method: 'POST', path: '/v2/clusters', role: 'member', query: CHANGE_QUERY },
      handle: (request) => makeChange(request, options, () => creation(request, options)),
    },
    {
      ...{ name: 'clusters.list', method: 'GET', path: '/v2/clusters', role: 'reader' },
      query: ['limit', 'marker', 'name', 'status'],
      handle: (request) => listClusters(request, options),
    },
    {
      ...{ name: 'clusters.show', method: 'GET', path: '/v2/clusters/:id', role: 'reader', query: [] },
      handle: (request) => showCluster(request, options),
    },
    change('clusters.update', 'PATCH', '/v2/clusters/:id', update),
    change('clusters.delete', 'DELETE', '/v2/clusters/:id', deletion),
    change('clusters.switchover', 'POST', '/v2/clusters/:id/switchover', switchover),
    change('clusters.credentials', 'POST', '/v2/clusters/:id/credentials', newPassword),
  ];
}

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
  const cluster = findCluster(request, options.federation);
  const body = { cluster: viewCluster(cluster, options, await options.hear([cluster.id])) };
  return { status: 200, headers: { etag: entityTag(cluster) }, body };
}

/** @throws ApiError cluster.not_found, also for another project's: its existence is nobody else's business. */
function findCluster({ caller, parameters }: RouteRequest, federation: Federation): Cluster {
  const idOrName = parameters.id ?? '';
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
