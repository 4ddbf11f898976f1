// Placement: which site each member goes to. A pure, deterministic, exact search over all assignments: hard rules prune,
// then the best by aim wins, and equals are decided by the order of names, so that every peer would find the same.
import type { MemberKind, Site, Survive } from '../state/spec.ts';

export interface CandidateSite extends Site {
  readonly provider: string;
  readonly jurisdiction: string;
  /** How many more members it can take. */
  readonly freeMembers: number;
}

export interface PlacementRequest {
  readonly voters: number;
  readonly replicas: number;
  readonly survive: Survive;
  /** Empty: any. */
  readonly regions: readonly string[];
  /** Jurisdictions. Empty: any. */
  readonly residency: readonly string[];
  /** Members that stay where they are. */
  readonly fixed: readonly (Site & { readonly kind: MemberKind })[];
  /** Sites that had no room when it was tried. */
  readonly excluded: readonly Site[];
}

export type Placement =
  | { readonly sites: readonly (Site & { readonly kind: MemberKind })[] }
  | { readonly infeasible: string };

type Role = 'voter' | 'replica';
type Choice = readonly { readonly site: CandidateSite; readonly kind: Role }[];

/** Voters first, in the order of their sites; or why there is no placement, in a sentence. */
export function place(request: PlacementRequest, sites: readonly CandidateSite[]): Placement {
  const limit = voterLimit(request);
  if (limit < 1) {
    return {
      infeasible: `${voterCount(request)} cannot survive the loss of a ${request.survive}: that takes three or more.`,
    };
  }
  const allowed = sites.filter((site) => isAllowed(request, site)).sort(byName);
  const best = search(request, allowed, limit);
  if (best === undefined) return { infeasible: explain(request, allowed, limit) };
  return { sites: best.map(({ site, kind }) => ({ region: site.region, zone: site.zone, kind })) };
}

/** How many voters may share a domain that shall be survivable: fewer than a majority, and never all of a commit set. */
function voterLimit(request: PlacementRequest): number {
  const voters = request.voters + request.fixed.filter(({ kind }) => kind === 'voter').length;
  if (request.survive === 'host') return voters;
  return voters - (Math.floor(voters / 2) + 1);
}

function isAllowed(request: PlacementRequest, site: CandidateSite): boolean {
  const isSame = (other: Site): boolean => other.region === site.region && other.zone === site.zone;
  if (request.regions.length > 0 && !request.regions.includes(site.region)) return false;
  if (request.residency.length > 0 && !request.residency.includes(site.jurisdiction)) return false;
  if (request.excluded.some(isSame) || site.freeMembers < 1) return false;
  return request.survive === 'host' || !request.fixed.some(isSame);
}

function search(request: PlacementRequest, sites: readonly CandidateSite[], limit: number): Choice | undefined {
  const roles: readonly Role[] = [
    ...Array<Role>(request.voters).fill('voter'),
    ...Array<Role>(request.replicas).fill('replica'),
  ];
  let best: { choice: Choice; score: readonly number[] } | undefined;

  const extend = (choice: Choice, from: number): void => {
    const kind = roles[choice.length];
    if (kind === undefined) {
      const score = scoreOf(request, choice);
      if (best === undefined || compare(score, best.score) < 0) best = { choice, score };
      return;
    }
    // Members of one role are interchangeable: sites are taken in order, so that each set is tried once.
    for (let index = from; index < sites.length; index += 1) {
      const site = sites[index];
      if (site === undefined || !fits(request, choice, { site, kind }, limit, sites)) continue;
      const next = roles[choice.length + 1];
      extend([...choice, { site, kind }], next === kind ? index : 0);
    }
  };
  extend([], 0);
  return best?.choice;
}

function fits(
  request: PlacementRequest,
  choice: Choice,
  added: Choice[number],
  limit: number,
  sites: readonly CandidateSite[],
): boolean {
  const here = choice.filter(({ site }) => site === added.site).length;
  if (here >= (request.survive === 'host' ? added.site.freeMembers : 1)) return false;
  if (added.kind === 'replica') return true;

  const domain = domainOf(request.survive, added.site);
  const chosen = choice.filter(
    ({ site, kind }) => kind === 'voter' && domainOf(request.survive, site) === domain,
  ).length;
  const fixed = request.fixed.filter((member) => {
    const provider = sites.find(({ region }) => region === member.region)?.provider ?? member.region;
    return member.kind === 'voter' && domainOf(request.survive, { ...member, provider }) === domain;
  }).length;
  return chosen + fixed < limit;
}

function domainOf(survive: Survive, site: Site & { readonly provider: string }): string {
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

/** Smaller is better: few members in the same region first, then the roomiest sites. */
function scoreOf(request: PlacementRequest, choice: Choice): readonly number[] {
  const regions = [...choice.map(({ site }) => site.region), ...request.fixed.map(({ region }) => region)];
  const crowding = regions.reduce((sum, region) => sum + regions.filter((other) => other === region).length, 0);
  const room = choice.reduce((sum, { site }) => sum + site.freeMembers, 0);
  return [crowding, -room];
}

function compare(left: readonly number[], right: readonly number[]): number {
  for (const [index, value] of left.entries()) {
    const difference = value - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function byName(left: Site, right: Site): number {
  const [first, second] = [`${left.region}/${left.zone}`, `${right.region}/${right.zone}`];
  return first < second ? -1 : Number(first > second);
}

function voterCount(request: PlacementRequest): string {
  return request.voters === 1 ? 'One voter' : `${request.voters} voters`;
}

function explain(request: PlacementRequest, allowed: readonly CandidateSite[], limit: number): string {
  const where = [
    ...(request.regions.length > 0 ? [`regions ${request.regions.join(', ')}`] : []),
    ...(request.residency.length > 0 ? [`jurisdictions ${request.residency.join(', ')}`] : []),
  ].join(' and ');
  const domains = new Set(allowed.map((site) => domainOf(request.survive, site))).size;
  const wish = `${voterCount(request)} and ${request.replicas} replicas that survive the loss of a ${request.survive}`;
  const room = `${allowed.length} sites with room in ${domains} such domains`;
  return `${wish}, with at most ${limit} of the voters in one, do not fit: there are ${room}${where === '' ? '' : ` within ${where}`}.`;
}
