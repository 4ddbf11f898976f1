// Many small clusters on one federation: made, listed and deleted in a row, side by side, and alive all at once.
import { findLeftovers } from '../crash-matrix/leftovers.ts';
import type { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import type { ClusterView, Tenant } from '../crash-matrix/tenant.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';

const ONE_LIMIT_MS = 120_000;
const ALL_LIMIT_MS = 900_000;
const NOTHING_LIMIT_MS = 60_000;
const PAGE = 100;

export interface Made {
  readonly cluster: ClusterView;
  /** From the request to its 202. */
  readonly acceptedMs: number;
}

/** Asks for a cluster of one member. */
export async function make(tenant: Tenant, name: string): Promise<Made> {
  const begin = performance.now();
  const cluster = { name, datastore: { type: 'postgresql' }, topology: { voters: 1 }, placement: { survive: 'host' } };
  const accepted = await tenant.change('POST', '/v2/clusters', { cluster });
  if (accepted === undefined) throw new Error(`${name} was not accepted.`);
  return { cluster: accepted.cluster, acceptedMs: performance.now() - begin };
}

export async function untilActive(tenant: Tenant, clusters: readonly ClusterView[]): Promise<void> {
  const limitMs = clusters.length === 1 ? ONE_LIMIT_MS : ALL_LIMIT_MS;
  let others: string[] = [];
  const areActive = async (): Promise<boolean> => {
    const found = await list(tenant);
    const isWrong = ({ id }: ClusterView): boolean => found.find((other) => other.id === id)?.status !== 'ACTIVE';
    others = clusters.filter(isWrong).map(({ name }) => name);
    return others.length === 0;
  };
  await waitUntil(`${clusters.length} clusters are ACTIVE`, limitMs, areActive, () => `Not: ${others.join(', ')}.`);
}

/** All clusters of the tenant. */
export async function list(tenant: Tenant): Promise<ClusterView[]> {
  const { body } = await tenant.ask('GET', `/v2/clusters?limit=${PAGE}`);
  return (body as { clusters: ClusterView[] }).clusters;
}

/** Deletes them side by side, and sees that nothing of them is left. */
export async function removeAll(
  federation: FederationUnderTest,
  tenant: Tenant,
  clusters: readonly ClusterView[],
): Promise<void> {
  const asked = await Promise.allSettled(clusters.map(({ id }) => tenant.change('DELETE', `/v2/clusters/${id}`)));
  const refused = asked.filter((result) => result.status === 'rejected').map(({ reason }) => String(reason));
  if (refused.length > 0) throw new Error(refused.join('; '));
  const ids = new Set(clusters.map(({ id }) => id));
  await waitUntil(
    'the clusters are gone',
    ALL_LIMIT_MS,
    async () => !(await list(tenant)).some(({ id }) => ids.has(id)),
  );
  const members = (await list(tenant)).flatMap((cluster) => cluster.members);
  let found: string[] = [];
  await waitUntil(
    'nothing of them is left',
    NOTHING_LIMIT_MS,
    () => {
      found = findLeftovers(federation.home, members);
      return found.length === 0;
    },
    () => found.join('; '),
  );
}
