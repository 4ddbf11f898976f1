// The rule with which a primary begins, or by which it goes on: who must have a commit, and in an asynchronous cluster who
// lets the primary acknowledge, and how old what they do not have may become.
import { datastores } from '@argosy/datastores';
import { type Cluster, isAsync, type LeaseRule, type Member, type Rule, wantedMembers } from '../state/clusters.ts';

/** The rule that is wished now. */
export function nextRule(cluster: Cluster, epoch: number, generation: number): Rule {
  const voters = [...nextVoters(cluster)].sort((left, right) => left - right);
  const rule = { epoch, generation, voters, acknowledgements: acknowledgementsOf(cluster, voters.length) };
  const lease = nextLease(cluster);
  return lease === undefined ? rule : { ...rule, lease };
}

/**
 * A majority for each commit; in an asynchronous cluster for each position that is older than the bound. Of an engine that
 * cannot wait for so many it is less, and an election asks more of the voters for it.
 */
export function acknowledgementsOf({ spec }: Pick<Cluster, 'spec'>, voters: number): number {
  return datastores.find(spec.datastore.type)?.acknowledgements(voters) ?? Math.floor(voters / 2);
}

/** The voters of the next rule. The primary stays in it until another has been elected. */
export function nextVoters(cluster: Cluster): number[] {
  const voters = votersOf(cluster).filter(({ facts }) => facts.leftOutInEpoch === undefined && facts.isCutOff !== true);
  const wished = voters.map(({ ordinal }) => ordinal);
  const { primary } = cluster;
  return primary === undefined || wished.includes(primary) ? wished : [...wished, primary];
}

/** Who lets the next primary acknowledge; undefined where commits wait for their voters instead. */
export function nextLease(cluster: Cluster): LeaseRule | undefined {
  if (!isAsync(cluster)) return undefined;
  const known = cluster.rule?.lease?.grantors;
  const grantors = wantedMembers(cluster)
    .filter(({ kind, facts }) => kind !== 'replica' && facts.leftOutInEpoch === undefined)
    // One that is away would be missed at once; one that is counted on already stays.
    .filter(({ ordinal, facts }) => known === undefined || known.includes(ordinal) || facts.isUp !== false)
    .map(({ ordinal }) => ordinal);
  const { primary } = cluster;
  const all = primary === undefined || grantors.includes(primary) ? grantors : [...grantors, primary];
  return leaseWith(cluster, all);
}

/** The bound is the one that is wished now. */
export function leaseWith({ spec }: Cluster, grantors: readonly number[]): LeaseRule {
  const ordered = [...grantors].sort((left, right) => left - right);
  return { grantors: ordered, rpoSeconds: spec.durability.rpo_seconds ?? DEFAULT_RPO_SECONDS };
}

/** Of a wish that says nothing of it. */
export const DEFAULT_RPO_SECONDS = 5;

/** True when the newest rule is the one that is wished. */
export function hasNextRule(cluster: Cluster): boolean {
  const { rule } = cluster;
  const lease = nextLease(cluster);
  return (
    isSameSet(nextVoters(cluster), rule?.voters ?? []) &&
    isSameSet(lease?.grantors ?? [], rule?.lease?.grantors ?? []) &&
    lease?.rpoSeconds === rule?.lease?.rpoSeconds
  );
}

export function votersOf(cluster: Cluster): readonly Member[] {
  return wantedMembers(cluster).filter(({ kind }) => kind === 'voter');
}

export function isSameSet(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((ordinal) => right.includes(ordinal));
}
