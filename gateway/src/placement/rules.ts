// The hard rules. A placement that breaks one is none, however cheap it is.
import type { Survive } from '../state/spec.ts';
import { type CandidateSite, countKinds, isSameSite, type PlacementRequest } from './request.ts';

/** How many may share one domain whose loss shall be survived. */
export interface DomainLimits {
  readonly voters: number;
  /** Voters and arbiters. */
  readonly votes: number;
}

export function totalVoters(request: PlacementRequest): number {
  return request.voters + countKinds(request.fixed).voters;
}

export function totalArbiters(request: PlacementRequest): number {
  return (request.arbiters ?? 0) + countKinds(request.fixed).arbiters;
}

export function acknowledgements(request: PlacementRequest): number {
  const voters = totalVoters(request);
  return Math.min(request.acknowledgements ?? Math.floor(voters / 2), Math.max(voters - 1, 0));
}

/**
 * With V voters and k acknowledgements, a commit set is a primary and any k others. What the loss of a domain leaves
 * - is a majority of the votes;
 * - has V - k voters: it then meets every commit set, so it has every acknowledged write and knows it (the rule of
 *   elections, which one vote for each region would not satisfy);
 * - has k + 1 voters: a new primary and k others, or no write would ever be acknowledged again. An arbiter has no data
 *   and so helps neither of the last two.
 * A host is never told apart from another, so `host` asks nothing of sites; and a request that places no vote cannot
 * change what a loss takes.
 */
export function domainLimits(request: PlacementRequest): DomainLimits | undefined {
  if (request.survive === 'host' || request.voters + (request.arbiters ?? 0) === 0) return undefined;
  const voters = totalVoters(request);
  const votes = voters + totalArbiters(request);
  const k = acknowledgements(request);
  const mustRemain = Math.max(voters - k, request.onLoss === 'degrade' ? 0 : k + 1);
  return { voters: voters - mustRemain, votes: votes - (Math.floor(votes / 2) + 1) };
}

/** The name of the domain that is lost together. */
export function domainOf(survive: Survive, site: { region: string; zone: string; provider: string }): string {
  switch (survive) {
    case 'host':
    case 'zone':
      return `${site.region}/${site.zone}`;
    case 'region':
      return site.region;
    case 'provider':
      return site.provider;
  }
}

/** Why a site takes nobody; undefined when it does. */
export type Obstacle = 'region' | 'flavor' | 'excluded' | 'taken' | 'away' | 'full';

export function obstacleOf(request: PlacementRequest, site: CandidateSite): Obstacle | undefined {
  if (request.regions.length > 0 && !request.regions.includes(site.region)) return 'region';
  if (!hasFlavor(site, request.flavor)) return 'flavor';
  if (request.excluded.some((other) => isSameSite(other, site))) return 'excluded';
  if (request.survive !== 'host' && request.fixed.some((other) => isSameSite(other, site))) return 'taken';
  if (roomAt(request, site) >= 1) return undefined;
  return isAway(request, site) && site.freeMembers >= 1 ? 'away' : 'full';
}

function hasFlavor({ flavors = [] }: CandidateSite, flavor: string | undefined): boolean {
  return flavor === undefined || flavors.length === 0 || flavors.includes(flavor);
}

/** How many members a site can have. Those that are there and may move have their places there. */
export function roomAt(request: PlacementRequest, site: CandidateSite): number {
  const here = (request.current ?? []).filter((member) => isSameSite(member, site)).length;
  const room = (isAway(request, site) ? 0 : Math.max(site.freeMembers, 0)) + here;
  return request.survive === 'host' ? room : Math.min(room, 1);
}

function isAway(request: PlacementRequest, site: CandidateSite): boolean {
  return site.isAway === true && request.awaited?.includes(site.region) !== true;
}

/** Residency binds data alone: nothing leaves the jurisdiction for an arbiter. */
export function mayHoldData(request: PlacementRequest, site: CandidateSite): boolean {
  return request.residency.length === 0 || request.residency.includes(site.jurisdiction);
}
