// What the state says about one region's members: by it an orphan is told from a member.
import { memberId } from './clusters.ts';
import type { Federation } from './federation.ts';

export interface KnownMembers {
  readonly members: { readonly memberId: string; readonly placed: boolean }[];
  readonly clusters: { readonly clusterId: string; readonly nextOrdinal: number }[];
}

/** `placed`: its stack must be there. A member that is being removed may be without one. */
export function knownMembers(federation: Federation, region: string): KnownMembers {
  const clusters = federation.clusters();
  return {
    members: clusters.flatMap((cluster) =>
      cluster.members
        .filter((member) => member.region === region)
        .map(({ ordinal, isRetired, facts }) => ({
          memberId: memberId(cluster.id, ordinal),
          placed: !isRetired && cluster.wanted === 'present' && facts.stackId !== undefined,
        })),
    ),
    clusters: clusters.map(({ id, nextOrdinal }) => ({ clusterId: id, nextOrdinal })),
  };
}
