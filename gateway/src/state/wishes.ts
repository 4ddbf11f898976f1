// What is wished of a cluster, and how one wish takes the place of another. A member that is no longer wished is retired,
// and wished again only while it is still there: an ordinal that is gone never returns.
import { backTo } from './accounts.ts';
import { type Cluster, wantedMembers, withNothingWanted } from './clusters.ts';
import { newMember } from './entries.ts';
import type { Operation, Wish } from './operations.ts';
import type { ClusterSpec, WantedMember } from './spec.ts';

export function wishOf(cluster: Cluster): Wish {
  const members = wantedMembers(cluster).map(({ ordinal }) => ordinal);
  const { accounts } = cluster;
  return { spec: cluster.spec, admin: cluster.admin, members, ...(accounts === undefined ? {} : { accounts }) };
}

/** Whether nothing else is wished than this. */
export function isWishOf(cluster: Cluster, wish: Wish | undefined): boolean {
  return wish !== undefined && JSON.stringify(wishOf(cluster)) === JSON.stringify(wish);
}

/** The cluster with exactly these members wished. */
export function withWish(cluster: Cluster, wished: readonly WantedMember[]): Cluster {
  const ordinals = new Set(wished.map(({ ordinal }) => ordinal));
  const known = new Set(cluster.members.map(({ ordinal }) => ordinal));
  const kept = cluster.members.map((member) => ({ ...member, isRetired: !ordinals.has(member.ordinal) }));
  const added = wished.filter(({ ordinal }) => !known.has(ordinal) && ordinal >= cluster.nextOrdinal);
  const nextOrdinal = Math.max(cluster.nextOrdinal, ...added.map(({ ordinal }) => ordinal + 1));
  return { ...cluster, members: [...kept, ...added.map(newMember)], nextOrdinal };
}

/** The cluster after an operation gave up: a create wishes nothing, a change wishes again what was wished before it. */
export function afterGivingUp(cluster: Cluster, { before }: Operation): Cluster {
  return before === undefined ? withNothingWanted(cluster) : withWishOf(cluster, before);
}

/** Generations only grow, also on the way back. */
function withWishOf(cluster: Cluster, before: Wish): Cluster {
  const { wantedPrimary: _void, candidate: _candidate, ...rest } = cluster;
  const ordinals = new Set(before.members);
  const isSameAdmin = before.admin.generation === cluster.admin.generation;
  return {
    ...rest,
    spec: withParametersOf(before.spec, cluster.spec),
    ...withAccountsOf(before, cluster),
    admin: isSameAdmin ? cluster.admin : { ...before.admin, generation: cluster.admin.generation + 1 },
    revision: cluster.revision + 1,
    members: cluster.members.map((member) => ({ ...member, isRetired: !ordinals.has(member.ordinal) })),
  };
}

/** The values of before under a new number: some member may have begun with the others. */
function withParametersOf(before: ClusterSpec, { parameters: current }: ClusterSpec): ClusterSpec {
  if (current === undefined || before.parameters?.generation === current.generation) return before;
  const values = before.parameters?.values ?? {};
  return { ...before, parameters: { generation: current.generation + 1, values } };
}

function withAccountsOf(before: Wish, { accounts: current }: Cluster): Pick<Cluster, 'accounts'> {
  const accounts = backTo(before.accounts, current);
  return accounts === undefined ? {} : { accounts };
}
