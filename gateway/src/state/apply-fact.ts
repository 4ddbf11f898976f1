// How a fact changes what is known of a cluster.
import { withoutGone } from './accounts.ts';
import {
  type Cluster,
  degrades,
  type Member,
  type MemberFacts,
  mayHaveAcknowledged,
  memberOf,
  type Rule,
} from './clusters.ts';
import type { Fact } from './entries.ts';

/** Nothing is known any more of a member that it rests. */
const AWAKE = { isResting: false } as const;

type FactOf<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;

/** The cluster with the fact known. A fact about an older epoch, or about a member that is gone, changes nothing. */
export function applyFact(cluster: Cluster, fact: Fact): Cluster {
  if (memberOf(cluster, fact.ordinal) === undefined) return cluster;

  switch (fact.kind) {
    case 'placed': {
      const { kind: _kind, ordinal, ...place } = fact;
      return withFacts(cluster, ordinal, place);
    }
    case 'raised':
      return raise(cluster, fact);
    case 'promised':
      if (fact.promise.epoch !== cluster.epoch) return cluster;
      // To read its log to the end it has begun to run.
      return withFacts(cluster, fact.ordinal, { promise: fact.promise, ...AWAKE });
    case 'elected':
      return elect(cluster, fact);
    case 'rule_changed': {
      const { rule } = fact;
      if (rule.epoch !== cluster.epoch || rule.generation !== (cluster.rule?.generation ?? 0) + 1) return cluster;
      return { ...cluster, rule, liveRules: [...cluster.liveRules, rule] };
    }
    case 'initialised':
      return withFacts(cluster, fact.ordinal, { isInitialised: true });
    case 'promoted': {
      const { ordinal, epoch, generation, knownPeers, adminGeneration } = fact;
      if (epoch !== cluster.epoch || ordinal !== cluster.primary) return cluster;
      const facts = { epoch, generation, knownPeers, adminGeneration, role: 'primary', isUp: true, ...AWAKE } as const;
      return withFacts(cluster, ordinal, facts);
    }
    case 'rested':
      if (fact.epoch !== cluster.epoch) return cluster;
      return outOfForce(withFacts(cluster, fact.ordinal, { isResting: true }), fact.ordinal);
    case 'resized':
      return resize(cluster, fact);
    case 'seeded':
      return seed(cluster, fact);
    case 'rejoined':
      return rejoin(cluster, fact);
    case 'following': {
      const { ordinal, epoch, generation } = fact;
      if (epoch !== cluster.epoch || ordinal === cluster.primary) return cluster;
      const followed = withFacts(cluster, ordinal, { epoch, generation, role: 'replica', isUp: true, ...AWAKE });
      return generation === cluster.rule?.generation ? counting(followed, ordinal) : followed;
    }
    case 'opened':
      return open(cluster, fact);
    case 'parameterized':
      return parameterize(cluster, fact);
    case 'restart_needed':
      return withFacts(cluster, fact.ordinal, { restartForParameters: fact.generation });
    case 'accounted':
      return withoutGone(withFacts(cluster, fact.ordinal, { accountsGeneration: fact.generation }));
    case 'joined':
      return join(cluster, fact.ordinal);
    case 'returned':
      return comeBack(cluster, fact);
    case 'dismissed':
      return dismiss(cluster, fact.ordinal);
    case 'removed':
      return { ...cluster, members: cluster.members.filter(({ ordinal }) => ordinal !== fact.ordinal) };
  }
}

/** An electing epoch has no primary yet; who led before is remembered, for an election must hear of it. */
function raise(cluster: Cluster, { epoch, ordinal }: FactOf<'raised'>): Cluster {
  if (epoch !== cluster.epoch + 1) return cluster;
  const { primary: _primary, ...rest } = cluster;
  return { ...rest, epoch, candidate: ordinal };
}

/** At most one primary per epoch: the first to be committed stays. */
function elect(cluster: Cluster, { ordinal, rule }: FactOf<'elected'>): Cluster {
  const isFirst = cluster.epoch === 0 && rule.epoch === 1;
  const isElecting = cluster.epoch > 0 && cluster.primary === undefined && rule.epoch === cluster.epoch;
  if (!isFirst && !isElecting) return cluster;

  const { candidate: _candidate, failover, ...rest } = cluster;
  const { epoch } = rule;
  // Whose log went another way than the last primary's may go on with this one's.
  const members = cluster.members.map((member) => {
    const { divergence: _gone, ...facts } = member.facts;
    return member.facts.divergence === undefined ? member : { ...member, facts };
  });
  const elected = { ...rest, members, epoch, rule, primary: ordinal, lastElected: { epoch, ordinal } };
  if (failover?.acceptsDataLoss !== true) {
    return { ...elected, members: withCutOff(cluster, members, rule), liveRules: [...cluster.liveRules, rule] };
  }
  // What the older rules would have found is given up, with the voters that the new rule leaves out.
  const given = new Set(
    cluster.liveRules.flatMap(({ voters }) => voters).filter((voter) => !rule.voters.includes(voter)),
  );
  const left = members.map((member) =>
    given.has(member.ordinal) ? { ...member, facts: { ...member.facts, leftOutInEpoch: epoch } } : member,
  );
  return { ...elected, members: left, liveRules: [rule] };
}

/** Voters that a rule leaves out because they are away count again only when they follow. */
function withCutOff(cluster: Cluster, members: readonly Member[], { voters }: Rule): readonly Member[] {
  if (!degrades(cluster)) return members;
  const before = cluster.liveRules.flatMap((live) => live.voters);
  return members.map((member) => {
    const { isCutOff: _old, ...facts } = member.facts;
    const isLeft = before.includes(member.ordinal) && !voters.includes(member.ordinal);
    return { ...member, facts: isLeft ? { ...facts, isCutOff: true } : facts };
  });
}

function counting(cluster: Cluster, ordinal: number): Cluster {
  const members = cluster.members.map((member) => {
    if (member.ordinal !== ordinal) return member;
    const { isCutOff: _no, ...facts } = member.facts;
    return { ...member, facts };
  });
  return { ...cluster, members };
}

/** What was copied anew goes on with the primary's, whatever it held before. */
function seed(cluster: Cluster, { ordinal, epoch }: FactOf<'seeded'>): Cluster {
  const members = cluster.members.map((member) => {
    if (member.ordinal !== ordinal) return member;
    const { divergence: _gone, ...facts } = member.facts;
    return { ...member, facts: { ...facts, seededInEpoch: epoch } };
  });
  return { ...cluster, members };
}

/** It counts again as soon as it follows; what was left out becomes a voter by a change of the rule. */
function rejoin(cluster: Cluster, { ordinal, epoch, method, tail }: FactOf<'rejoined'>): Cluster {
  if (epoch !== cluster.epoch) return cluster;
  const members = cluster.members.map((member) => {
    if (member.ordinal !== ordinal) return member;
    const { divergence: _gone, leftOutInEpoch: _over, ...facts } = member.facts;
    const seeded = method === 'copied' ? { seededInEpoch: epoch } : {};
    const kept =
      tail === undefined || tail.bytes === 0
        ? {}
        : { tail: { ...tail, epoch, mayBeAcknowledged: mayHaveAcknowledged(cluster, member) } };
    return { ...member, facts: { ...facts, ...seeded, ...kept } };
  });
  return { ...cluster, members };
}

function open(cluster: Cluster, { epoch, generation, ordinal }: FactOf<'opened'>): Cluster {
  const { rule } = cluster;
  if (rule === undefined || epoch !== cluster.epoch || generation !== rule.generation || ordinal !== cluster.primary) {
    return cluster;
  }
  return { ...cluster, opened: { epoch, generation }, liveRules: [rule] };
}

function parameterize(cluster: Cluster, { ordinal, parameters }: FactOf<'parameterized'>): Cluster {
  const members = cluster.members.map((member) => {
    if (member.ordinal !== ordinal) return member;
    const { restartForParameters: _known, ...facts } = member.facts;
    return { ...member, facts: { ...facts, parameters } };
  });
  return { ...cluster, members };
}

function resize(cluster: Cluster, { ordinal, flavor, volumeGib }: FactOf<'resized'>): Cluster {
  return outOfForce(withFacts(cluster, ordinal, { flavor, volumeGib, ...AWAKE }), ordinal);
}

/** The first founds the cluster: there is one epoch, and it is open for good. */
function join(cluster: Cluster, ordinal: number): Cluster {
  const role = { role: 'primary', epoch: 1, generation: 1, isDismissed: false } as const;
  return {
    ...withFacts(cluster, ordinal, { ...role, isInitialised: true, isUp: true, ...AWAKE }),
    epoch: 1,
    opened: { epoch: 1, generation: 1 },
  };
}

/** The first that does so in an epoch has begun it, or has never lost its majority. */
function comeBack(cluster: Cluster, { ordinal, epoch }: FactOf<'returned'>): Cluster {
  if (epoch !== cluster.epoch) return cluster;
  const { candidate: _over, ...rest } = cluster;
  const role = { role: 'primary', epoch, generation: 1, isDismissed: false } as const;
  const facts = { ...role, isInitialised: true, isUp: true, ...AWAKE };
  return { ...withFacts(rest, ordinal, facts), opened: { epoch, generation: 1 } };
}

/** What it has on its volume is of no use to the engine any more: it would join as one that has nothing. */
function dismiss(cluster: Cluster, ordinal: number): Cluster {
  const members = cluster.members.map((member) => {
    if (member.ordinal !== ordinal) return member;
    const { role: _none, isUp: _unknown, isInitialised: _void, ...facts } = member.facts;
    return { ...member, facts: { ...facts, isDismissed: true } };
  });
  return { ...cluster, members };
}

/** A member whose database has ended, or that was made anew around its volume, takes its role up again before it counts. */
function outOfForce(cluster: Cluster, ordinal: number): Cluster {
  const changed = withFacts(cluster, ordinal, { generation: 0 });
  return ordinal === cluster.primary ? { ...changed, opened: { ...cluster.opened, generation: 0 } } : changed;
}

function withFacts(cluster: Cluster, ordinal: number, facts: MemberFacts): Cluster {
  const members = cluster.members.map((member) =>
    member.ordinal === ordinal ? { ...member, facts: { ...member.facts, ...facts } } : member,
  );
  return { ...cluster, members };
}
