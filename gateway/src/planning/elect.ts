// The election: of the members that have promised the epoch, the one whose log reaches furthest becomes its primary,
// compared by epoch first. Who has promised must be enough to have heard of every acknowledged write: the last primary
// itself, or so many of the other voters, of every live rule, that no commit was made without one of them. Each of these
// conditions, left out, loses a write.
import { datastores } from '@argosy/datastores';
import { type Cluster, degrades, isPresent, type Member, memberOf, type Rule } from '../state/clusters.ts';

/** Who is elected, or why nobody can be yet, in a sentence. */
export type Choice = { readonly winner: Member } | { readonly missing: string };

/** Whether these members together have every write that may have been acknowledged up to now. */
export function isEnough({ lastElected, liveRules }: Cluster, ordinals: readonly number[]): boolean {
  if (lastElected === undefined || liveRules.length === 0) return false;
  if (ordinals.includes(lastElected.ordinal)) return true;
  return liveRules.every(({ voters, acknowledgements }) => {
    const others = voters.filter((voter) => voter !== lastElected.ordinal);
    const heard = others.filter((voter) => ordinals.includes(voter)).length;
    return heard >= others.length - acknowledgements + 1;
  });
}

/** Whether one of these, elected, finds enough others among them for commits under whichever rule it leads by. */
export function canCommit(cluster: Cluster, ordinals: readonly number[]): boolean {
  if (degrades(cluster) && ordinals.length > 0) return true;
  return cluster.liveRules.every(
    ({ voters, acknowledgements }) => voters.filter((voter) => ordinals.includes(voter)).length > acknowledgements,
  );
}

/** Whose promise an election may count: the voters of every live rule, and the last primary. */
export function electorate(cluster: Cluster): Member[] {
  const voters = new Set([cluster.lastElected?.ordinal, ...cluster.liveRules.flatMap((rule) => rule.voters)]);
  return cluster.members.filter(({ ordinal, kind }) => voters.has(ordinal) && kind !== 'arbiter');
}

/** Whether its log is whole, as far as is known: a copy that has not caught up promises nothing. */
export function vouches({ facts }: Member): boolean {
  const isCopied = facts.seededInEpoch !== undefined && facts.seededInEpoch > (facts.epoch ?? 0);
  return facts.divergence === undefined && !isCopied;
}

/** Who is asked when the primary is deposed: itself only when the others cannot do without it. */
export function askable(cluster: Cluster): Member[] {
  const voters = electorate(cluster);
  const others = voters.filter(({ ordinal }) => ordinal !== cluster.lastElected?.ordinal);
  const heard = others.filter(
    (member) => member.facts.promise?.epoch === cluster.epoch || (isPresent(member) && vouches(member)),
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
  for (const set of [promised, promised.filter(isPresent)]) {
    const winner = isEnoughFor(cluster, set) ? furthest(cluster, set) : undefined;
    if (winner !== undefined && isPresent(winner)) return { winner };
  }
  const isOpen = ({ ordinal }: Member): boolean => !promised.some((member) => member.ordinal === ordinal);
  const unheard = electorate(cluster).filter((member) => isOpen(member) || !isPresent(member));
  const names = unheard.map(({ ordinal, region }) => `member ${ordinal} (${region})`).join(', ');
  return { missing: `Nobody can be elected without losing writes until more of these answer: ${names}.` };
}

/** By which rule the winner leads: the newest live one that counts on it; what was given up counts no more. */
export function electedRule(cluster: Cluster, winner: number): Omit<Rule, 'epoch' | 'generation'> | undefined {
  if (cluster.failover?.acceptsDataLoss === true) {
    const voters = electorate(cluster)
      .filter((member) => isPresent(member) && member.facts.promise?.epoch === cluster.epoch)
      .map(({ ordinal }) => ordinal);
    return { voters, acknowledgements: Math.floor(voters.length / 2) };
  }
  const rule = cluster.liveRules.findLast(({ voters }) => voters.includes(winner)) ?? cluster.rule;
  if (rule === undefined || !degrades(cluster)) return rule;
  const present = rule.voters.filter((voter) => {
    const member = memberOf(cluster, voter);
    return member !== undefined && isPresent(member) && (voter === winner || member.facts.isCutOff !== true);
  });
  if (present.length > rule.acknowledgements || !present.includes(winner)) return rule;
  return { voters: present, acknowledgements: Math.floor(present.length / 2) };
}

function isEnoughFor(cluster: Cluster, promised: readonly Member[]): boolean {
  const ordinals = promised.map(({ ordinal }) => ordinal);
  if (cluster.failover?.acceptsDataLoss !== true) return isEnough(cluster, ordinals);
  // Of those that are there, none is passed over: it may hold what no other has.
  const present = electorate(cluster).filter(isPresent);
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
  return members.reduce<Member | undefined>(
    (best, member) => (best === undefined || isFurther(cluster, member, best) ? member : best),
    undefined,
  );
}

function isFurther(cluster: Cluster, left: Member, right: Member): boolean {
  const definition = datastores.find(cluster.spec.datastore.type);
  const [mine, theirs] = [left.facts.promise?.position, right.facts.promise?.position];
  if (definition === undefined || mine === undefined || theirs === undefined) return false;
  // A forecast does not know how far a log will reach.
  if (mine.value === '' || theirs.value === '') return mine.epoch > theirs.epoch;
  return definition.comparePositions(mine, theirs) > 0;
}
