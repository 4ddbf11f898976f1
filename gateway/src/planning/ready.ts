// Which steps can begin now. A pure function of what is wanted and of the facts: what is true already needs no step, so
// there is neither undo nor resume. A failed create wishes nothing, and what leads from wherever it stopped to nothing is
// a list of removals.
import { accountsOf, untoldKeepers } from '../state/accounts.ts';
import {
  type Cluster,
  degrades,
  isAsync,
  isEngineRuled,
  isInForce,
  isPresent,
  isSettled,
  isToBeReconciled,
  type Member,
  memberOf,
  peersOf,
  wantedMembers,
} from '../state/clusters.ts';
import { askable, choose, isHere } from './elect.ts';
import {
  enlarge,
  hasSize,
  isInDoubt,
  isLaidOpen,
  markOf,
  parametersAtRest,
  setParameters,
  step,
  withBlock,
} from './member-steps.ts';
import { hasParameters, isPrimaryFirst, isToRestart } from './parameters.ts';
import { hasNextRule, isSameSet, votersOf } from './rule.ts';
import { ruledSteps } from './ruled.ts';
import type { Step } from './steps.ts';

/** The steps that can begin now. None, and none under way: everything wanted is a fact. */
export function readySteps(cluster: Cluster): Step[] {
  if (cluster.wanted === 'absent') return cluster.members.map((member) => step('remove_member', member));
  if (isEngineRuled(cluster)) return ruledSteps(cluster);
  return [
    ...wantedMembers(cluster)
      .filter(({ facts }) => facts.address === undefined)
      .map((member) => step('ensure_member', member)),
    ...(cluster.epoch === 0 ? birth(cluster) : life(cluster)),
    ...removals(cluster),
  ];
}

/** Until every voter, and who grants a lease, has a place nobody is elected: the first rule names them all. */
function birth(cluster: Cluster): Step[] {
  const voters = votersOf(cluster);
  const candidate = voters.find(({ facts }) => facts.isInitialised === true) ?? voters[0];
  const unset = parametersAtRest(cluster, wantedMembers(cluster));
  if (candidate?.facts.address === undefined || unset.length > 0) return unset;
  if (candidate.facts.isInitialised !== true) return [step('initialise', candidate)];
  const named = isAsync(cluster) ? wantedMembers(cluster).filter(({ kind }) => kind !== 'replica') : voters;
  return named.every(({ facts }) => facts.address !== undefined) ? [step('elect', candidate)] : [];
}

function life(cluster: Cluster): Step[] {
  const primary = memberOf(cluster, cluster.primary);
  if (primary === undefined) return election(cluster);

  const { facts } = primary;
  if (facts.role !== 'primary' || facts.epoch !== cluster.epoch) return [step('promote', primary, markOf(cluster))];
  if (isLaidOpen(cluster, primary)) return [step('resize', primary)];
  if (isToDegrade(cluster)) return [step('change_rule', primary, nextMark(cluster))];
  if (!isConfigured(cluster, primary)) return [step('configure', primary, markOf(cluster))];

  const copies = replication(cluster, primary);
  const following = (cluster.rule?.voters ?? []).filter((ordinal) => isFollowing(cluster, ordinal)).length;
  const canOpen = !isSettled(cluster) && following >= (cluster.rule?.acknowledgements ?? 0);
  const steps = canOpen ? [...copies, step('open', primary, markOf(cluster))] : copies;
  const isBeingMade = wantedMembers(cluster).some((member) => member.facts.address === undefined);
  return steps.length > 0 || isBeingMade || !isSettled(cluster) ? steps : change(cluster, primary);
}

/** Of what needs a cluster that is otherwise as it shall be, one thing at a time. */
function change(cluster: Cluster, primary: Member): Step[] {
  if (!hasNextRule(cluster)) return [step('change_rule', primary, nextMark(cluster))];

  const untold = untoldKeepers(cluster);
  if (untold.length > 0) {
    return untold.map((member) => step('set_accounts', member, String(accountsOf(cluster).generation)));
  }
  const others = wantedMembers(cluster).filter((member) => member.ordinal !== primary.ordinal && isPresent(member));
  // Who rests already is led to its end first: it waits for nothing but its size.
  const resting = others.find((member) => isLaidOpen(cluster, member));
  if (resting !== undefined) return [step('resize', resting)];
  const small = others.find((member) => !hasSize(cluster, member));
  if (small !== undefined) return [withBlock(enlarge(cluster, small), blockOf(cluster, small))];

  const unset = unsetMember(cluster, primary, others);
  if (unset !== undefined) return [unset];
  const successor = successorOf(cluster, primary);
  if (successor !== undefined) return [withBlock(step('raise_epoch', successor), blockOf(cluster, successor))];
  if (!hasParameters(cluster, primary)) return [setParameters(cluster, primary)];
  return hasSize(cluster, primary) || primary.isRetired ? [] : [enlarge(cluster, primary)];
}

/** Who is next to run with the wished parameters; none when only the primary is left, and must hand over first. */
function unsetMember(cluster: Cluster, primary: Member, others: readonly Member[]): Step | undefined {
  const behind = others.find((member) => member.kind !== 'arbiter' && !hasParameters(cluster, member));
  const next = isPrimaryFirst(cluster, primary) ? primary : behind;
  if (next === undefined) {
    const isLive = !hasParameters(cluster, primary) && !isToRestart(cluster, primary);
    return isLive ? setParameters(cluster, primary) : undefined;
  }
  const blocked = isToRestart(cluster, next) ? blockOf(cluster, next) : undefined;
  return withBlock(setParameters(cluster, next), blocked);
}

function election(cluster: Cluster): Step[] {
  return cluster.failover === undefined ? handover(cluster) : failover(cluster);
}

/** The old primary promises first: it ends, and whoever copies it then has all that it ever acknowledged. */
function handover(cluster: Cluster): Step[] {
  const old = memberOf(cluster, cluster.lastElected?.ordinal);
  const candidate = memberOf(cluster, cluster.candidate) ?? old;
  for (const member of [old, candidate]) {
    if (member !== undefined && member.facts.promise?.epoch !== cluster.epoch) {
      return [step('promise', member, String(cluster.epoch))];
    }
  }
  const choice = choose(cluster);
  return 'winner' in choice ? [step('elect', choice.winner, String(cluster.epoch))] : [];
}

/** All that can be are asked side by side; as soon as they are enough, no slower one is waited for. */
function failover(cluster: Cluster): Step[] {
  const mark = String(cluster.epoch);
  const choice = choose(cluster);
  if ('winner' in choice) return [step('elect', choice.winner, mark)];
  const asked = askable(cluster)
    .filter((member) => isHere(member) && member.facts.promise?.epoch !== cluster.epoch)
    .map((member) => step('promise', member, mark));
  if (asked.length > 0) return asked;
  const last = memberOf(cluster, cluster.lastElected?.ordinal) ?? cluster.members[0];
  return last === undefined ? [] : [withBlock(step('elect', last, mark), choice.missing)];
}

/** A retired voter follows too, as long as the rule still counts on it. */
function replication(cluster: Cluster, primary: Member): Step[] {
  const isCounted = ({ ordinal, isRetired }: Member): boolean =>
    !isRetired || cluster.rule?.voters.includes(ordinal) === true;
  return cluster.members
    .filter(({ ordinal, kind }) => ordinal !== primary.ordinal && kind !== 'arbiter')
    .filter((member) => member.facts.address !== undefined && isCounted(member) && !isInForce(cluster, member))
    .filter((member) => isPresent(member) || isToBeReconciled(member))
    .filter((member) => !isLaidOpen(cluster, member))
    .map((member) => {
      const { divergence, leftOutInEpoch } = member.facts;
      if (divergence !== undefined || leftOutInEpoch !== undefined) return step('rejoin', member, markOf(cluster));
      // What begins with its parameters need not begin twice; one that runs on with others is told again when it follows.
      if (!hasParameters(cluster, member) && !isInDoubt(cluster, member)) return setParameters(cluster, member);
      return hasData(member) ? step('follow', member, markOf(cluster)) : step('seed', member);
    });
}

/** A member goes when no commit and no election can need it any more. */
function removals(cluster: Cluster): Step[] {
  const needed = new Set([
    cluster.primary,
    cluster.lastElected?.ordinal,
    ...cluster.liveRules.flatMap(({ voters, lease }) => [...voters, ...(lease?.grantors ?? [])]),
  ]);
  return cluster.members
    .filter(({ isRetired, ordinal }) => isRetired && !needed.has(ordinal))
    .map((member) => step('remove_member', member));
}

/** Who shall lead in the place of this primary; undefined when it may go on. */
function successorOf(cluster: Cluster, primary: Member): Member | undefined {
  const { wantedPrimary, epoch } = cluster;
  const voters = votersOf(cluster).filter((member) => member.ordinal !== primary.ordinal && isPresent(member));
  if (wantedPrimary?.epoch === epoch && wantedPrimary.ordinal !== primary.ordinal) {
    return voters.find(({ ordinal }) => ordinal === wantedPrimary.ordinal);
  }
  const mustGo = primary.isRetired || !hasSize(cluster, primary) || isToRestart(cluster, primary);
  return mustGo ? (voters.find(({ facts }) => facts.isUp === true) ?? voters[0]) : undefined;
}

/** Why this voter or replica must not be disturbed now: fewer than a commit quorum would be left. */
function blockOf(cluster: Cluster, { ordinal }: Member): string | undefined {
  const needed = cluster.rule?.acknowledgements ?? 0;
  const others = (cluster.rule?.voters ?? []).filter((voter) => voter !== ordinal && isFollowing(cluster, voter));
  const up = others.filter((voter) => memberOf(cluster, voter)?.facts.isUp === true).length;
  // With two voters or one there is no disturbance that leaves a quorum; the tenant chose that.
  if (up >= needed || (cluster.rule?.voters.length ?? 0) < 3) return undefined;
  return `Only ${up} other voters are up and follow the primary, and a commit needs ${needed}.`;
}

/** Commits wait for voters that the next rule does without: it is not waited for the last one to be open. */
function isToDegrade(cluster: Cluster): boolean {
  return degrades(cluster) && (cluster.rule?.voters ?? []).some((voter) => memberOf(cluster, voter)?.facts.isCutOff);
}

function isConfigured(cluster: Cluster, { ordinal, facts }: Member): boolean {
  const peers = peersOf(cluster, ordinal).map((peer) => peer.ordinal);
  const isSameRule = facts.generation === cluster.rule?.generation;
  return isSameRule && facts.adminGeneration === cluster.admin.generation && isSameSet(peers, facts.knownPeers ?? []);
}

function isFollowing(cluster: Cluster, ordinal: number): boolean {
  const member = memberOf(cluster, ordinal);
  return member !== undefined && ordinal !== cluster.primary && isInForce(cluster, member);
}

function hasData({ facts }: Member): boolean {
  return facts.isInitialised === true || facts.seededInEpoch !== undefined;
}

function nextMark({ epoch, rule }: Cluster): string {
  return `${epoch}.${(rule?.generation ?? 0) + 1}`;
}
