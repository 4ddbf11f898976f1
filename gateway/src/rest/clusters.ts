// /v2/clusters. Creating commits the wish, with its placement; members follow.
import type { Datastores } from '@argosy/datastores';
import { describe } from '../conductor/conductor.ts';
import type { CandidateSite } from '../placement/place.ts';
import { place } from '../placement/place.ts';
import { plan } from '../planning/cluster.ts';
import { withNothingWanted } from '../state/clusters.ts';
import type { Applied, EntryBody } from '../state/entries.ts';
import { Federation } from '../state/federation.ts';
import type { WantedMember } from '../state/spec.ts';
import { type Caller, isAdmin } from './callers.ts';
import { clusterStatus, NOTHING_HEARD, type ViewContext, viewCluster } from './cluster-view.ts';
import { ApiError } from './errors.ts';
import { readNewCluster } from './new-cluster.ts';
import { viewOperation } from './operation-view.ts';
import { readPage } from './pages.ts';
import type { Route, RouteRequest, RouteResponse } from './route.ts';

const SALT_BYTES = 16;
const PASSWORD_BYTES = 24;

export interface ClustersOptions extends ViewContext {
  readonly datastores: Datastores;
  readonly propose: (entry: EntryBody) => Promise<Applied>;
  readonly sites: () => readonly CandidateSite[];
  readonly newId: () => string;
  readonly randomBytes: (count: number) => Uint8Array;
}

export function clusterRoutes(options: ClustersOptions): Route[] {
  return [
    {
      name: 'clusters.create',
      method: 'POST',
      path: '/v2/clusters',
      role: 'member',
      query: [],
      handle: (request) => createCluster(request, options),
    },
    {
      name: 'clusters.list',
      method: 'GET',
      path: '/v2/clusters',
      role: 'reader',
      query: ['limit', 'marker', 'name', 'status'],
      handle: (request) => listClusters(request, options),
    },
    {
      name: 'clusters.show',
      method: 'GET',
      path: '/v2/clusters/:id',
      role: 'reader',
      query: [],
      handle: (request) => showCluster(request, options),
    },
    {
      name: 'clusters.delete',
      method: 'DELETE',
      path: '/v2/clusters/:id',
      role: 'member',
      query: [],
      handle: (request) => deleteCluster(request, options),
    },
  ];
}

async function createCluster(
  { caller, body, requestId }: RouteRequest,
  options: ClustersOptions,
): Promise<RouteResponse> {
  const { name, spec } = readNewCluster(body, options.datastores);
  const { federation } = options;
  if (federation.findCluster(caller.projectId, name) !== undefined) {
    throw new ApiError('cluster.name_taken', `A cluster called "${name}" already exists in this project.`);
  }
  demandFlavor(spec.flavor, federation);
  const members = placeMembers(spec, options);
  const definition = options.datastores.find(spec.datastore.type);
  if (definition === undefined)
    throw new ApiError('datastore.unknown', `There is no datastore "${spec.datastore.type}".`);

  const password = Buffer.from(options.randomBytes(PASSWORD_BYTES)).toString('base64url');
  const verifier = definition.passwordVerifier(password, options.randomBytes(SALT_BYTES));
  const { user, database } = definition.admin;
  const created = {
    kind: 'cluster.created',
    clusterId: options.newId(),
    operationId: options.newId(),
    operationKind: 'cluster.create',
    name,
    projectId: caller.projectId,
    spec,
    members,
    admin: { name: user, database, verifier, generation: 1 },
    requestId,
  } as const;
  await commit({ ...created, steps: plannedSteps({ ...created, steps: [] }) }, options);
  const answer = accepted(created.clusterId, created.operationId, options);
  return { ...answer, body: { ...(answer.body as object), credentials: { username: user, password, database } } };
}

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
  return { status: 200, body: { cluster: viewCluster(cluster, options, await options.hear([cluster.id])) } };
}

async function deleteCluster(request: RouteRequest, options: ClustersOptions): Promise<RouteResponse> {
  const cluster = findCluster(request, options.federation);
  const operationId = options.newId();
  const steps = plan(withNothingWanted(cluster)).map(describe);
  const { requestId } = request;
  await commit(
    { kind: 'cluster.unwanted', clusterId: cluster.id, operationId, operationKind: 'cluster.delete', requestId, steps },
    options,
  );
  return accepted(cluster.id, operationId, options);
}

/** @throws ApiError cluster.not_found, also for another project's: its existence is nobody else's business. */
function findCluster({ caller, parameters }: RouteRequest, federation: Federation) {
  const idOrName = parameters.id ?? '';
  const cluster =
    federation.findCluster(caller.projectId, idOrName) ??
    (isAdmin(caller) ? federation.findCluster(undefined, idOrName) : undefined);
  if (cluster === undefined)
    throw new ApiError('cluster.not_found', `There is no cluster "${idOrName}" in this project.`);
  return cluster;
}

function isVisible(caller: Caller, projectId: string): boolean {
  return isAdmin(caller) || caller.projectId === projectId;
}

function placeMembers(spec: Parameters<typeof placementOf>[0], options: ClustersOptions): WantedMember[] {
  const placement = placementOf(spec, options.sites());
  if (options.sites().length === 0)
    throw new ApiError(
      'regions.silent',
      'No region answers, so there is nowhere to place a member. Try again; `GET /v2/regions` says why.',
    );
  if ('infeasible' in placement) throw new ApiError('placement.infeasible', placement.infeasible);
  return placement.sites.map((site, index) => ({ ...site, ordinal: index + 1 }));
}

function placementOf(
  { topology, placement, flavor }: ReturnType<typeof readNewCluster>['spec'],
  sites: readonly CandidateSite[],
) {
  return place({ ...topology, ...placement, flavor, fixed: [], excluded: [] }, sites);
}

function demandFlavor(flavor: string, federation: Federation): void {
  const known = new Set(federation.regions().flatMap(({ flavors }) => flavors.map(({ name }) => name)));
  if (known.size > 0 && !known.has(flavor)) {
    throw new ApiError(
      'request.invalid',
      `cluster.flavor: no region has a flavor "${flavor}"; there are ${[...known].join(', ')}.`,
    );
  }
}

/** What a new cluster will take, found by planning from it in a state of its own. */
function plannedSteps(created: EntryBody & { readonly kind: 'cluster.created' }) {
  const imagined = new Federation();
  imagined.apply({ at: '', ...created });
  const cluster = imagined.cluster(created.clusterId);
  return cluster === undefined ? [] : plan(cluster).map(describe);
}

async function commit(entry: EntryBody, options: ClustersOptions): Promise<void> {
  const { refused } = await options.propose(entry);
  if (refused !== undefined) throw new ApiError(refused.code, refused.message);
}

function accepted(clusterId: string, operationId: string, options: ClustersOptions): RouteResponse {
  const cluster = options.federation.cluster(clusterId);
  const operation = options.federation.operation(operationId);
  return {
    status: 202,
    headers: { location: `/v2/operations/${operationId}` },
    body: {
      ...(cluster === undefined ? {} : { cluster: viewCluster(cluster, options, NOTHING_HEARD) }),
      ...(operation === undefined ? {} : { operation: viewOperation(operation) }),
    },
  };
}
