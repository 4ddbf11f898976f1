// What placement is asked, and what it answers. All numbers are integers, so that every peer computes the same.
import type { MemberKind, Site, Survive } from '../state/spec.ts';

export interface CandidateSite extends Site {
  /** The same for all sites of a region. */
  readonly provider: string;
  readonly jurisdiction: string;
  /** How many more members it can take, beside those that are there. */
  readonly freeMembers: number;
  /** Its region does not answer now: who is there may stay, nobody is added, and `freeMembers` is what it told last. */
  readonly isAway?: boolean;
  /** Empty or absent: any. */
  readonly flavors?: readonly string[];
  /** Of one member, in any unit that all sites share, as thousandths of a currency an hour. Absent: 0. */
  readonly cost?: number;
}

export type Pair = readonly [string, string];

export interface RoundTrip {
  readonly between: Pair;
  readonly microseconds: number;
}

/** What was measured between regions. */
export interface Network {
  /** A pair that is not told counts as UNKNOWN_MICROSECONDS, a region with itself as SAME_REGION_MICROSECONDS. */
  readonly roundTrips: readonly RoundTrip[];
  /** Pairs that no two members with data may be in. */
  readonly unreachable: readonly Pair[];
}

export type PlacedMember = Site & { readonly kind: MemberKind };

export interface PlacementRequest {
  readonly voters: number;
  readonly replicas: number;
  /** Absent: 0. */
  readonly arbiters?: number;
  readonly survive: Survive;
  /** Empty: any. */
  readonly regions: readonly string[];
  /** Regions that do not answer now and count as if they did. Absent: none. */
  readonly awaited?: readonly string[];
  /** Jurisdictions that data may be in. Empty: any. */
  readonly residency: readonly string[];
  /** Members that stay where they are. The counts above are without them. */
  readonly fixed: readonly PlacedMember[];
  /** Sites that had no room when it was tried. */
  readonly excluded: readonly Site[];
  /** Absent: any. */
  readonly flavor?: string;
  /** How many other voters have a write before it is acknowledged. Absent: half of the voters, rounded down. */
  readonly acknowledgements?: number;
  /**
   * With `degrade`, a survivor may commit with fewer acknowledgements than before, so that what the loss leaves need
   * only hold every acknowledged write and elect. Absent: `stop`.
   */
  readonly onLoss?: 'stop' | 'degrade';
  /** Where members are that may move. They are counted above. */
  readonly current?: readonly PlacedMember[];
  readonly network?: Network;
}

export interface Move {
  readonly kind: MemberKind;
  readonly from: Site;
  readonly to: Site;
}

/** What of the aim can be told in numbers, in the order in which it counts. */
export interface Objective {
  /** Members that leave where they are. */
  readonly moves: { readonly voters: number; readonly replicas: number; readonly arbiters: number };
  /** A write's at the preferred primary: the round trip to the last voter that must acknowledge. */
  readonly latencyMicroseconds: number;
  /** Of the members that are placed. */
  readonly cost: number;
}

/** Something smaller to wish, which was solved and fits. */
export interface Relaxation {
  readonly change: Partial<PlacementRequest>;
  readonly sentence: string;
}

export interface Placed {
  /** Voters first, then replicas, then arbiters, each in the order of their sites. */
  readonly sites: readonly PlacedMember[];
  /** The site of the voter, placed or fixed, whose writes are acknowledged soonest. Absent: there is no voter. */
  readonly primary?: Site;
  readonly moves: readonly Move[];
  readonly objective: Objective;
  /** Why these sites, in sentences. */
  readonly reasons: readonly string[];
}

export interface Infeasible {
  readonly infeasible: string;
  /** Of each kind of change that is enough alone, the smallest; or one pair of changes; or nothing. */
  readonly relaxations: readonly Relaxation[];
}

export type Placement = Placed | Infeasible;

export interface Counts {
  readonly voters: number;
  readonly replicas: number;
  readonly arbiters: number;
}

export function countKinds(members: readonly { readonly kind: MemberKind }[]): Counts {
  const of = (kind: MemberKind): number => members.filter((member) => member.kind === kind).length;
  return { voters: of('voter'), replicas: of('replica'), arbiters: of('arbiter') };
}

export function isSameSite(left: Site, right: Site): boolean {
  return left.region === right.region && left.zone === right.zone;
}

/** The order of names: by code units, never by a locale, so that it is the same on every peer. */
export function compareNames(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

export function compareSites(left: Site, right: Site): number {
  return compareNames(left.region, right.region) || compareNames(left.zone, right.zone);
}
