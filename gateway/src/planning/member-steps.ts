// The steps that one member needs whatever rules its cluster: its parameters and its size. Pure.
import type { Cluster, Member } from '../state/clusters.ts';
import { hasParameters } from './parameters.ts';
import type { Step, StepKind } from './steps.ts';

/** What begins with its parameters need not begin twice. */
export function parametersAtRest(cluster: Cluster, members: readonly Member[]): Step[] {
  return members
    .filter(({ kind, facts }) => kind !== 'arbiter' && facts.address !== undefined)
    .filter((member) => !hasParameters(cluster, member))
    .map((member) => setParameters(cluster, member));
}

/** It was asked, and would have had to start anew. */
export function isInDoubt({ spec }: Pick<Cluster, 'spec'>, { facts }: Member): boolean {
  return spec.parameters !== undefined && facts.restartForParameters === spec.parameters.generation;
}

/** A member that has said that it must start anew is asked another time. */
export function setParameters({ spec }: Pick<Cluster, 'spec'>, member: Member): Step {
  const generation = spec.parameters?.generation ?? 0;
  return step('set_parameters', member, isInDoubt({ spec }, member) ? `${generation}.restart` : String(generation));
}

/**
 * A volume grows by being taken from its member and given back, as Heat does it: under a running database it would be
 * torn away. So that one ends first. A flavor is changed by a shutdown of the guest, which ends it as well.
 */
export function enlarge(cluster: Cluster, member: Member): Step {
  const isGrowing = (member.facts.volumeGib ?? 0) < cluster.spec.volume.size;
  return isGrowing ? step('rest', member, markOf(cluster)) : step('resize', member);
}

/** True while a member rests for its volume to grow; it is told to follow only when that is done, or not wished. */
export function isLaidOpen(cluster: Cluster, member: Member): boolean {
  return member.facts.isResting === true && !member.isRetired && !hasSize(cluster, member);
}

export function hasSize({ spec }: Cluster, { facts }: Member): boolean {
  return facts.flavor === spec.flavor && facts.volumeGib === spec.volume.size;
}

export function markOf({ epoch, rule }: Cluster): string {
  return `${epoch}.${rule?.generation ?? 0}`;
}

export function withBlock(ready: Step, blocked: string | undefined): Step {
  return blocked === undefined ? ready : { ...ready, blocked };
}

export function step(kind: StepKind, member: Member, mark?: string): Step {
  const id = mark === undefined ? `${kind}/${member.ordinal}` : `${kind}/${member.ordinal}/${mark}`;
  return { id, kind, ordinal: member.ordinal, region: member.region };
}
