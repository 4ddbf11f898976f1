// A cluster whose engine rules itself and none of whose members has a majority behind it any more, though all of them can
// be asked. An engine that does not come back from that by itself is begun anew from the member that has the most. That is
// the one dangerous thing: a member that was not heard may be the cluster. So nobody begins anew before everybody who may
// ever have been counted has promised the new epoch: its server has ended, had no majority, does not start before it is
// told to, and its data have been read. An arbiter holds nothing: it may have kept a majority with a member that has died
// since, and then it is that member's word that is missing. So it is asked for none; as soon as somebody begins, its server
// finds the way to that one. Pure.
import { type DatastoreDefinition, datastores, definitionFor } from '@argosy/datastores';
import { type Cluster, isPresent, type Member } from '../state/clusters.ts';
import { step, withBlock } from './member-steps.ts';
import type { Step } from './steps.ts';

/** Who begins, or why nobody may. */
export type Refounding = { readonly founder: Member } | { readonly missing: string };

/** What leads from a total loss back; undefined while there is none. */
export function refounding(cluster: Cluster): Step[] | undefined {
  const definition = datastores.find(cluster.spec.datastore.type);
  if (definition === undefined || definitionFor(definition, 'engine').isRefounded !== true) return undefined;
  const counted = holdersOf(cluster);
  if (counted.some(({ facts }) => facts.role !== undefined && facts.epoch === cluster.epoch)) {
    const [first] = counted;
    return first !== undefined && isLost(cluster) ? [step('raise_epoch', first)] : undefined;
  }
  // Nobody is in the newest epoch yet. One that a majority is behind promises nothing: it goes on, and the others join it.
  const serving = counted.find(
    (member) => member.facts.isUp === true && isPresent(member) && !hasPromised(cluster, member),
  );
  if (serving !== undefined) return [step('join', serving)];
  const asked = counted.filter((member) => isPresent(member) && !hasPromised(cluster, member));
  if (asked.length > 0) return asked.map((member) => step('promise', member, String(cluster.epoch)));
  const choice = chooseFounder(cluster);
  if ('founder' in choice) return [step('refound', choice.founder, String(cluster.epoch))];
  const [first] = counted;
  return first && [withBlock(step('refound', first, String(cluster.epoch)), choice.missing)];
}

/** Every clause of it is there because without it a write that was acknowledged could be given up. */
export function chooseFounder(cluster: Cluster): Refounding {
  const definition = datastores.find(cluster.spec.datastore.type);
  if (definition === undefined) return { missing: 'The engine is not known.' };
  const counted = holdersOf(cluster);
  const unheard = counted.filter((member) => !hasPromised(cluster, member));
  if (unheard.length > 0) {
    return { missing: `Every member must say what it has, for it may have served last: ${names(unheard)} did not.` };
  }
  const empty = counted.filter((member) => member.facts.role !== undefined && !holds(member));
  if (empty.length > 0) return { missing: `It is not known what ${names(empty)} held.` };
  const holders = counted.filter(holds);
  try {
    const founder = holders.reduce<Member | undefined>(
      (best, member) => (best === undefined || isFurther(definition, member, best) ? member : best),
      undefined,
    );
    return founder === undefined ? { missing: 'Nobody holds anything.' } : { founder };
  } catch {
    return { missing: `The data of ${names(holders)} are not of one history.` };
  }
}

/**
 * Who may hold what nobody else has. The engine may count it: it was asked to join, whether it was heard of that or not, and
 * was not dismissed since.
 */
function holdersOf({ epoch, members }: Cluster): Member[] {
  const mayBeCounted = ({ facts }: Member): boolean => facts.address !== undefined && facts.isDismissed !== true;
  return members.filter((member) => epoch > 0 && member.kind !== 'arbiter' && mayBeCounted(member));
}

/** All can be asked, none serves, and none rests because we have told it to. Of an arbiter that is up somebody has told. */
function isLost(cluster: Cluster): boolean {
  const holders = holdersOf(cluster);
  const listed = holders.filter(({ facts }) => facts.role !== undefined);
  return (
    listed.every(({ facts }) => facts.isUp === false && facts.isResting !== true) &&
    holders.every((member) => isPresent(member) && member.facts.isUp !== true) &&
    !cluster.members.some((member) => member.kind === 'arbiter' && isPresent(member) && member.facts.isUp === true)
  );
}

function hasPromised({ epoch }: Cluster, { facts }: Member): boolean {
  return facts.promise?.epoch === epoch;
}

/** One that was never taken in whole holds nothing. A forecast does not know how far data will reach. */
function holds({ facts }: Member): boolean {
  const position = facts.promise?.position;
  return position !== undefined && (position.value !== '' || position.epoch > 0);
}

/** Of two that are as far the earlier one is taken. @throws Error when they are of two histories */
function isFurther(definition: DatastoreDefinition, left: Member, right: Member): boolean {
  const [mine, theirs] = [left.facts.promise?.position, right.facts.promise?.position];
  if (mine === undefined || theirs === undefined || mine.value === '' || theirs.value === '') return false;
  return definitionFor(definition, 'engine').comparePositions(mine, theirs) > 0;
}

function names(members: readonly Member[]): string {
  return members.map(({ ordinal, region }) => `member ${ordinal} (${region})`).join(', ');
}
