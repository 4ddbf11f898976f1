// Which steps can begin in a cluster whose engine rules itself. It elects and commits by its own majority; what is left is
// who its members are, and that nothing is done to one of them while the others are no majority. Pure.
import { accountsOf, untoldKeepers } from '../state/accounts.ts';
import { type Cluster, isInForce, isPresent, type Member, wantedMembers } from '../state/clusters.ts';
import { enlarge, hasSize, isLaidOpen, parametersAtRest, setParameters, step, withBlock } from './member-steps.ts';
import { hasParameters, isToRestart } from './parameters.ts';
import { refounding } from './refound.ts';
import type { Step } from './steps.ts';

/** The steps that can begin now, of a cluster that is wished. */
export function ruledSteps(cluster: Cluster): Step[] {
  const placed = wantedMembers(cluster).filter(({ facts }) => facts.address !== undefined);
  const unset = parametersAtRest(
    cluster,
    placed.filter((member) => !isListed(member) && isPresent(member)),
  );
  return [
    ...wantedMembers(cluster)
      .filter(({ facts }) => facts.address === undefined)
      .map((member) => step('ensure_member', member)),
    ...(unset.length > 0 ? unset : cluster.epoch === 0 ? founding(cluster) : change(cluster, placed)),
    ...cluster.members
      .filter((member) => member.isRetired && !mayBeListed(cluster, member))
      .map((member) => step('remove_member', member)),
  ];
}

/** Always the first with data, however late it has its place: a second one that founds would found another cluster. */
function founding(cluster: Cluster): Step[] {
  const first = wantedMembers(cluster).find(({ kind }) => kind !== 'arbiter');
  return first?.facts.address === undefined ? [] : [step('found', first)];
}

/** One thing at a time: each of them may cost a member for a while. */
function change(cluster: Cluster, placed: readonly Member[]): Step[] {
  const begun = refounding(cluster);
  if (begun !== undefined) return begun;
  const leavers = cluster.members.filter((member) => member.isRetired && mayBeListed(cluster, member));
  const dead = leavers.find((member) => !isLiving(member));
  if (dead !== undefined) return dismissal(cluster, dead);

  const resting = placed.find((member) => isLaidOpen(cluster, member));
  if (resting !== undefined) return [step('resize', resting)];
  // In their order, also when a later one has its place sooner: a join that is under way is not given up for another.
  const absent = wantedMembers(cluster).filter((member) => !isInForce(cluster, member));
  const present = absent.filter(isPresent);
  const next = present.find(isListed) ?? present[0];
  if (next?.facts.address !== undefined) {
    return [withBlock(step('join', next), blockOf(cluster, next))];
  }
  if (absent.length > 0) return [];

  const [leaver] = leavers;
  if (leaver !== undefined) return dismissal(cluster, leaver);
  return adjustment(cluster, placed.filter(isPresent));
}

function adjustment(cluster: Cluster, members: readonly Member[]): Step[] {
  const untold = accountsOf(cluster).generation === 0 ? [] : untoldKeepers(cluster);
  if (untold.length > 0) {
    return untold.map((member) => step('set_accounts', member, String(accountsOf(cluster).generation)));
  }
  const unset = members.find((member) => member.kind !== 'arbiter' && !hasParameters(cluster, member));
  if (unset !== undefined) {
    const blocked = isToRestart(cluster, unset) ? blockOf(cluster, unset) : undefined;
    return [withBlock(setParameters(cluster, unset), blocked)];
  }
  const small = members.find((member) => !hasSize(cluster, member));
  return small === undefined ? [] : [withBlock(enlarge(cluster, small), blockOf(cluster, small))];
}

/** By a living member, for a dead one cannot leave; the step runs in its region. */
function dismissal(cluster: Cluster, leaver: Member): Step[] {
  const keeper = keepersOf(cluster, leaver.ordinal)[0];
  const ready = step('dismiss', leaver);
  if (keeper === undefined) return [{ ...ready, blocked: 'No other member is up that could see to it.' }];
  const others = cluster.members.filter((member) => isCounted(cluster, member) && member !== leaver);
  const blocked = isMajority(others) ? undefined : shortage(others);
  return [withBlock({ ...ready, region: keeper.region }, blocked)];
}

/** Who can see to it that the engine counts that member no more: the living with data, those that stay first. */
export function keepersOf(cluster: Cluster, leaver: number): readonly Member[] {
  const isKeeper = (member: Member): boolean => member.ordinal !== leaver && member.kind !== 'arbiter';
  const living = cluster.members.filter((member) => {
    return isKeeper(member) && isListed(member) && isLiving(member) && isInForce(cluster, member);
  });
  return [...living.filter(({ isRetired }) => !isRetired), ...living.filter(({ isRetired }) => isRetired)];
}

/** Why this member must not be disturbed now, nor one be added: the others are no majority. */
function blockOf(cluster: Cluster, member: Member): string | undefined {
  const counted = cluster.members.filter((other) => isCounted(cluster, other));
  // With two members or one there is no disturbance that leaves a majority; the tenant chose that.
  if (counted.includes(member) && counted.length < 3) return undefined;
  const living = counted.filter((other) => other !== member && isLiving(other)).length;
  return living > counted.length / 2 ? undefined : shortage(counted);
}

function isMajority(members: readonly Member[]): boolean {
  return members.filter(isLiving).length > members.length / 2;
}

function shortage(members: readonly Member[]): string {
  const down = members.filter((member) => !isLiving(member)).map(({ ordinal, region }) => `${ordinal} (${region})`);
  const names = down.length === 0 ? 'none to spare' : `member ${down.join(', ')} not up`;
  return `The engine needs a majority of its ${members.length} members: ${names}.`;
}

/** Whoever has a place may have been asked to join, and have been taken in though nobody heard of it. */
function mayBeListed({ epoch }: Cluster, { facts }: Member): boolean {
  return epoch > 0 && facts.address !== undefined && facts.isDismissed !== true;
}

/** The engine counts it among its members, whether it lives or not. */
export function isListed({ facts }: Member): boolean {
  return facts.role !== undefined;
}

/** Its vote counts. Where the engine's cluster was begun anew, that of the others only when they have joined it again. */
function isCounted({ epoch }: Cluster, member: Member): boolean {
  return isListed(member) && member.facts.epoch === epoch;
}

function isLiving({ facts }: Member): boolean {
  return facts.isUp === true && facts.isAway !== true;
}
