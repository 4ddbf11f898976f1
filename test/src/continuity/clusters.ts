// The cluster of a test, by its name.
import type { ClusterView, MemberView, Tenant } from '../crash-matrix/tenant.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';

const WHOLE_LIMIT_MS = 60_000;

/** @throws Error when it is not there */
export async function clusterOf(tenant: Tenant, name: string): Promise<ClusterView> {
  const cluster = await tenant.cluster(name);
  if (cluster === undefined) throw new Error(`The cluster ${name} is not there.`);
  return cluster;
}

/** Answers when all members are up and follow the primary of that epoch or a later one, and nothing is under way. */
export async function whole(
  tenant: Tenant,
  name: string,
  { epoch = 0, limitMs = WHOLE_LIMIT_MS }: { readonly epoch?: number; readonly limitMs?: number } = {},
): Promise<ClusterView> {
  let last: ClusterView | undefined;
  const isWhole = async (): Promise<boolean> => {
    last = await clusterOf(tenant, name);
    return last.status === 'ACTIVE' && last.epoch >= epoch && last.members.every(({ status }) => status === 'UP');
  };
  await waitUntil('the cluster is whole', limitMs, isWhole, () => JSON.stringify(last));
  return await clusterOf(tenant, name);
}

/** @throws Error while nobody leads */
export function primaryOf({ members }: Pick<ClusterView, 'members'>): MemberView {
  const primary = members.find(({ role }) => role === 'primary');
  if (primary === undefined) throw new Error('The cluster has no primary.');
  return primary;
}
