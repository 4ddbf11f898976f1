// The election: of the members that have promised the epoch, the one whose log reaches furthest becomes its primary,
// compared by epoch first. Who has promised must be enough to have heard of every acknowledged write: the last primary
// itself, or so many of the other voters, of every live rule, that no commit was made without one of them. Each of these
// conditions, left out, loses a write.
import { datastores } from '@argosy/datastores';
import { type Cluster, degrades, isAsync, isPresent, type Member, memberOf, type Rule } from '../state/clusters.ts';
import { acknowledgementsOf, leaseWith } from './rule.ts';

/** Who is elected, or why nobody can be yet, in a sentence. */
export type Choice = { readonly winner: Member } | { readonly missing: string };

/** Whether these members together have every write that may have been acknowledged up to now. */
export function isEnough({ lastElected, liveRules }: Cluster, ordinals: readonly number[]): boolean {
  if (lastElected === undefined || liveRules.length === 0) return false;
  if (ordinals.includes(lastElected.ordinal)) return true;
  const count = (of: readonly number[]) => {
    const others = of.filter((ordinal) => ordinal !== lastElected.ordinal);
    return { others: others.length, heard: others.filter((ordinal) => ordinals.includes(ordinal)).length };
  };
  return liveRules.every(({ voters, acknowledgements, lease }) => {
    const { others, heard } = count(voters);
    if (heard < others - acknowledgements + 1) return false;
    if (lease === undefined) return true;
    // So many that the last primary finds no majority for another lease.
    const { others: grantors, heard: promised } = count(lease.grantors);
    return promised >= grantors - Math.floor(lease.grantors.length / 2) + 1;
  });
}

/** Whether one of these, elected, finds enough others among them for commits under whichever rule it leads by. */
export function canCommit(cluster: Cluster, ordinals: readonly number[]): boolean {
  const leases = cluster.liveRules.flatMap(({ lease }) => lease ?? []);
  if (leases.length > 0) {
    const isLed = cluster.liveRules.every(({ voters }) => voters.some((voter) => ordinals.includes(voter)));
    return isLed && leases.every(({ grantors }) => isMajority(grantors, ordinals));
  }
  if (degrades(cluster) && ordinals.length > 0) return true;
  return cluster.liveRules.every(
    ({ voters, acknowledgements }) => voters.filter((voter) => ordinals.includes(voter)).length > acknowledgements,
  );
}

function isMajority(all: readonly number[], some: readonly number[]): boolean {
  return all.filter((ordinal) => some.includes(ordinal)).length > all.length / 2;
}

/**
 * Whose promise an election may count: the voters of every live rule, the last primary, and who grants leases. Where
 * writes are given up, also those that commits went on without: they may be all that is left.
 */
export function electorate(cluster: Cluster): Member[] {
  const { lastElected, liveRules, failover } = cluster;
  const asked = new Set([
    lastElected?.ordinal,
    ...liveRules.flatMap(({ voters, lease }) => [...voters, ...(lease?.grantors ?? [])]),
  ]);
  const isGivenUp = ({ facts }: Member): boolean => failover?.acceptsDataLoss === true && facts.isCutOff === true;
  const isLeased = liveRules.some(({ lease }) => lease !== undefined);
  return cluster.members.filter(
    (member) => (asked.has(member.ordinal) || isGivenUp(member)) && (member.kind !== 'arbiter' || isLeased),
  );
}

/** True when it can be asked for its promise; of an arbiter nothing is known but whether its agent answers. */
export function isHere(member: Member): boolean {
  return member.kind === 'arbiter' ? member.facts.isUp !== false : isPresent(member);
}

/** Whether its log is whole, as far as is known: a copy that has not caught up promises nothing. */
export function vouches({ facts }: Member): boolean {
  const isCopied = facts.seededInEpoch !== undefined && facts.seededInEpoch > (facts.epoch ?? 0);
  return facts.divergence === undefined && !isCopied;
}

/**
 * Who is asked when the primary is deposed: itself only when the others cannot do without it. One that has not followed
 * it is not relied upon: its data may be a copy that nobody was told of.
 */
export function askable(cluster: Cluster): Member[] {
  const voters = electorate(cluster);
  const { lastElected } = cluster;
  const others = voters.filter(({ ordinal }) => ordinal !== lastElected?.ordinal);
  const hasFollowed = ({ kind, facts }: Member): boolean => kind === 'arbiter' || facts.epoch === lastElected?.epoch;
  const heard = others.filter(
    (member) =>
      member.facts.promise?.epoch === cluster.epoch || (isHere(member) && vouches(member) && hasFollowed(member)),
  );
  const areEnough = isEnough(
    cluster,
    heard.map(({ ordinal }) => ordinal),
  );
  return areEnough && cluster.failover?.acceptsDataLoss !== true ? others : voters;
}

/** Who is elected now, as far as has been promised. */
export function choose(cluster: Cluster): Choice {
  const promised = inOrder(cluster).filter(({ facts }) => facts.promise?.epoch === cluster.epoch);
  // Whoever promised and went away is counted, but cannot lead; without it the others may be enough.
  for (const set of [promised, promised.filter(isHere)]) {
    const winner = isEnoughFor(cluster, set) ? furthest(cluster, set) : undefined;
    if (winner !== undefined && isPresent(winner)) return { winner };
  }
  const isOpen = ({ ordinal }: Member): boolean => !promised.some((member) => member.ordinal === ordinal);
  const unheard = electorate(cluster).filter((member) => isOpen(member) || !isHere(member));
  const names = unheard.map(({ ordinal, region }) => `member ${ordinal} (${region})`).join(', ');
  return { missing: `Nobody can be elected without losing writes until more of these answer: ${names}.` };
}

/** By which rule the winner leads: the newest live one that counts on it; what was given up counts no more. */
export function electedRule(cluster: Cluster, winner: number): Omit<Rule, 'epoch' | 'generation'> | undefined {
  if (cluster.failover?.acceptsDataLoss === true) {
    const promised = electorate(cluster).filter(
      (member) => isHere(member) && member.facts.promise?.epoch === cluster.epoch,
    );
    const voters = promised.filter(({ kind }) => kind !== 'arbiter').map(({ ordinal }) => ordinal);
    const rule = { voters, acknowledgements: acknowledgementsOf(cluster, voters.length) };
    const grantors = promised.map(({ ordinal }) => ordinal);
    return isAsync(cluster) ? { ...rule, lease: leaseWith(cluster, grantors) } : rule;
  }
  const rule = cluster.liveRules.findLast(({ voters }) => voters.includes(winner)) ?? cluster.rule;
  if (rule === undefined || !degrades(cluster)) return rule;
  const present = rule.voters.filter((voter) => {
    const member = memberOf(cluster, voter);
    return member !== undefined && isPresent(member) && (voter === winner || member.facts.isCutOff !== true);
  });
  if (present.length > rule.acknowledgements || !present.includes(winner)) return rule;
  return { ...rule, voters: present, acknowledgements: acknowledgementsOf(cluster, present.length) };
}

function isEnoughFor(cluster: Cluster, promised: readonly Member[]): boolean {
  const ordinals = promised.map(({ ordinal }) => ordinal);
  if (cluster.failover?.acceptsDataLoss !== true) return isEnough(cluster, ordinals);
  // Of those that are there, none is passed over: it may hold what no other has.
  const present = electorate(cluster).filter(isHere);
  return promised.length > 0 && present.every(({ ordinal }) => ordinals.includes(ordinal));
}

/** Equals are decided for the first. */
function inOrder(cluster: Cluster): Member[] {
  const last = memberOf(cluster, cluster.lastElected?.ordinal);
  const candidate = memberOf(cluster, cluster.candidate);
  const others = electorate(cluster).filter((member) => member !== last && member !== candidate);
  const order = [candidate, ...others.filter((member) => !member.isRetired), last, ...others];
  return [...new Set(order.filter((member): member is Member => member !== undefined))];
}

function furthest(cluster: Cluster, members: readonly Member[]): Member | undefined {
  return members
    .filter(isData)
    .reduce<Member | undefined>(
      (best, member) => (best === undefined || isFurther(cluster, member, best) ? member : best),
      undefined,
    );
}

function isData({ kind }: Member): boolean {
  return kind !== 'arbiter';
}

function isFurther(cluster: Cluster, left: Member, right: Member): boolean {
  const definition = datastores.find(cluster.spec.datastore.type);
  const [mine, theirs] = [left.facts.promise?.position, right.facts.promise?.position];
  if (definition === undefined || mine === undefined || theirs === undefined) return false;
  // A forecast does not know how far a log will reach.
  if (mine.value === '' || theirs.value === '') return mine.epoch > theirs.epoch;
  return definition.comparePositions(mine, theirs) > 0;
}
