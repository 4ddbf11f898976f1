// How long a write takes: the round trip from the primary to the last voter that must acknowledge.
import type { Site } from '../state/spec.ts';
import { compareSites, type Network, type Pair, type PlacedMember } from './request.ts';

/** Between zones of one region, when it was not measured. */
export const SAME_REGION_MICROSECONDS = 500;
/** Between regions of which nothing is known: farther than any two on Earth should be, so that what is known is preferred. */
export const UNKNOWN_MICROSECONDS = 300_000;

export type RoundTripBetween = (from: string, to: string) => number;

export interface PreferredPrimary {
  readonly site: Site;
  readonly latencyMicroseconds: number;
}

/** A pair that is told twice counts as the slower, so that the order in which it is told does not matter. */
export function roundTripsOf(network: Network | undefined): RoundTripBetween {
  const told = new Map<string, Map<string, number>>();
  for (const { between, microseconds } of network?.roundTrips ?? []) {
    for (const [from, to] of bothWays(between)) {
      const ofRegion = told.get(from) ?? new Map<string, number>();
      ofRegion.set(to, Math.max(ofRegion.get(to) ?? 0, microseconds));
      told.set(from, ofRegion);
    }
  }
  return (from, to) => told.get(from)?.get(to) ?? (from === to ? SAME_REGION_MICROSECONDS : UNKNOWN_MICROSECONDS);
}

/** Whether two regions were found not to reach each other. */
export function unreachablePairsOf(network: Network | undefined): (from: string, to: string) => boolean {
  const unreachable = new Map<string, Set<string>>();
  for (const [from, to] of (network?.unreachable ?? []).flatMap(bothWays)) {
    unreachable.set(from, (unreachable.get(from) ?? new Set()).add(to));
  }
  return (from, to) => from !== to && unreachable.get(from)?.has(to) === true;
}

/** Members that are there may be cut off from each other for a while, which is not for a change to mend. */
export function toleratingPlaced(network: Network, current: readonly PlacedMember[]): Network {
  const holders = new Set(current.filter(({ kind }) => kind !== 'arbiter').map(({ region }) => region));
  return { ...network, unreachable: network.unreachable.filter((pair) => !pair.every((name) => holders.has(name))) };
}

function bothWays([one, other]: Pair): readonly Pair[] {
  return [
    [one, other],
    [other, one],
  ];
}

/** The voter with the nearest k-th other voter; of equals the first by name. */
export function preferredPrimary(
  voters: readonly Site[],
  k: number,
  roundTrip: RoundTripBetween,
): PreferredPrimary | undefined {
  const sorted = [...voters].sort(compareSites);
  let best: PreferredPrimary | undefined;
  for (const [index, { region, zone }] of sorted.entries()) {
    const others = sorted.filter((_, other) => other !== index).map((other) => roundTrip(region, other.region));
    const latencyMicroseconds = k === 0 ? 0 : (others.sort((a, b) => a - b)[k - 1] ?? 0);
    if (best === undefined || latencyMicroseconds < best.latencyMicroseconds) {
      best = { site: { region, zone }, latencyMicroseconds };
    }
  }
  return best;
}
