// How a fact changes what is known of a cluster.
import { type Cluster, type MemberFacts, memberOf } from './clusters.ts';
import type { Fact } from './entries.ts';

/** The cluster with the fact known. A fact about an older epoch, or about a member that is gone, changes nothing. */
export function applyFact(cluster: Cluster, fact: Fact): Cluster {
  if (memberOf(cluster, fact.ordinal) === undefined) return cluster;

  switch (fact.kind) {
    case 'placed': {
      const { address, port, serverName, stackId } = fact;
      return withFacts(cluster, fact.ordinal, { address, port, serverName, stackId });
    }
    case 'elected':
      // At most one primary per epoch: the first to be committed stays.
      if (fact.rule.epoch !== cluster.epoch + 1) return cluster;
      return { ...cluster, epoch: fact.rule.epoch, primary: fact.ordinal, rule: fact.rule };
    case 'initialised':
      return withFacts(cluster, fact.ordinal, { isInitialised: true });
    case 'promoted':
      if (fact.epoch !== cluster.epoch || fact.ordinal !== cluster.primary) return cluster;
      return withFacts(cluster, fact.ordinal, {
        role: 'primary',
        epoch: fact.epoch,
        generation: fact.generation,
        isUp: true,
      });
    case 'seeded':
      return withFacts(cluster, fact.ordinal, { seededInEpoch: fact.epoch });
    case 'following':
      if (fact.epoch !== cluster.epoch) return cluster;
      return withFacts(cluster, fact.ordinal, {
        role: 'replica',
        epoch: fact.epoch,
        generation: fact.generation,
        isUp: true,
      });
    case 'opened':
      if (fact.epoch !== cluster.epoch || fact.ordinal !== cluster.primary) return cluster;
      return { ...cluster, openedEpoch: fact.epoch };
    case 'removed':
      return { ...cluster, members: cluster.members.filter(({ ordinal }) => ordinal !== fact.ordinal) };
  }
}

function withFacts(cluster: Cluster, ordinal: number, facts: MemberFacts): Cluster {
  const members = cluster.members.map((member) =>
    member.ordinal === ordinal ? { ...member, facts: { ...member.facts, ...facts } } : member,
  );
  return { ...cluster, members };
}
