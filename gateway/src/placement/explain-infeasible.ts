// Why there is no placement, in one sentence that names what does not fit.
import { problemOf } from './problem.ts';
import { type CandidateSite, compareNames, type PlacementRequest } from './request.ts';
import {
  acknowledgements,
  domainLimits,
  domainOf,
  mayHoldData,
  type Obstacle,
  obstacleOf,
  totalArbiters,
  totalVoters,
} from './rules.ts';
import { isFeasible } from './search.ts';

export function obstacleSentence(request: PlacementRequest, sites: readonly CandidateSite[]): string {
  return tooFew(request) ?? unreachable(request, sites) ?? tooLittleRoom(request, sites);
}

function tooFew(request: PlacementRequest): string | undefined {
  const limits = domainLimits(request);
  if (limits === undefined || (limits.voters >= 1 && limits.votes >= 1)) return undefined;
  const voters = totalVoters(request);
  const arbiters = totalArbiters(request);
  const who = `${count(voters, 'voter')}${arbiters > 0 ? ` and ${count(arbiters, 'arbiter')}` : ''}`;
  const start = `${capitalized(who)} cannot survive the loss of a ${request.survive}: `;
  if (voters < 3)
    return `${start}that takes three or more${arbiters > 0 ? ' voters, since an arbiter holds no data' : ''}.`;
  const k = acknowledgements(request);
  return `${start}with ${count(k, 'acknowledgement')}, the rest could not elect a primary or acknowledge a write.`;
}

function unreachable(request: PlacementRequest, sites: readonly CandidateSite[]): string | undefined {
  const { network } = request;
  if (network === undefined || network.unreachable.length === 0) return undefined;
  const joined = { ...request, network: { ...network, unreachable: [] } };
  if (!isFeasible(problemOf(joined, sites))) return undefined;
  return `${wishOf(request)} do not fit in regions that all reach each other: ${pairsText(request, sites)}.`;
}

/** The pairs at fault, of those regions that the wish could use. */
function pairsText({ network, regions }: PlacementRequest, sites: readonly CandidateSite[]): string {
  const usable = new Set(
    sites.map(({ region }) => region).filter((name) => regions.length === 0 || regions.includes(name)),
  );
  const told = (network?.unreachable ?? []).filter((pair) => pair.every((name) => usable.has(name)));
  const pairs = [...new Set(told.map((pair) => [...pair].sort(compareNames).join(' and ')))].sort(compareNames);
  const named = pairs.slice(0, MAX_PAIRS);
  const more = pairs.length > named.length ? `, nor do ${pairs.length - named.length} other pairs` : '';
  return `${named.join(', ')} cannot reach each other${more}`;
}

const MAX_PAIRS = 5;

function tooLittleRoom(request: PlacementRequest, sites: readonly CandidateSite[]): string {
  const holdsData = request.voters + request.replicas > 0;
  const free = sites.filter((site) => obstacleOf(request, site) === undefined);
  const fitting = free.filter((site) => !holdsData || mayHoldData(request, site));
  const within = [
    ...(request.regions.length > 0 ? [`regions ${request.regions.join(', ')}`] : []),
    ...(request.residency.length > 0 ? [`jurisdictions ${request.residency.join(', ')}`] : []),
  ].join(' and ');
  const limits = domainLimits(request);
  const atMost = limits === undefined ? '' : `, with at most ${limits.voters} of the voters in one,`;
  const domains = new Set(fitting.map((site) => domainOf(request.survive, site))).size;
  const room = `${count(fitting.length, 'site')} with room${limits === undefined ? '' : ` in ${domains} such domains`}`;
  const others = otherSites(request, sites, free.length - fitting.length);
  return `${wishOf(request)}${atMost} do not fit: there ${fitting.length === 1 ? 'is' : 'are'} ${room}${within === '' ? '' : ` within ${within}`}${others}.`;
}

const OBSTACLES: Readonly<Record<Obstacle, string>> = {
  region: 'in other regions',
  flavor: 'without the flavor',
  excluded: 'had no room when tried',
  taken: 'with a member already',
  away: 'in regions that do not answer now',
  full: 'full',
};

/** What keeps the other sites from being any use. */
function otherSites(request: PlacementRequest, sites: readonly CandidateSite[], abroad: number): string {
  const counts = Object.entries(OBSTACLES).flatMap(([obstacle, words]) => {
    const found = sites.filter((site) => obstacleOf(request, site) === obstacle).length;
    return found === 0 ? [] : [`${found} ${words}`];
  });
  if (abroad > 0) counts.push(`${abroad} in other jurisdictions`);
  return counts.length === 0 ? '' : ` (not counting ${counts.join(', ')})`;
}

function wishOf(request: PlacementRequest): string {
  const { voters, replicas, arbiters = 0, survive } = request;
  const members = [
    count(voters, 'voter'),
    ...(arbiters > 0 ? [count(arbiters, 'arbiter')] : []),
    count(replicas, 'replica'),
  ];
  const all = `${members.slice(0, -1).join(', ')} and ${members.at(-1)}`;
  return capitalized(survive === 'host' ? all : `${all} that survive the loss of a ${survive}`);
}

function count(number: number, noun: string): string {
  return `${number === 1 ? 'one' : number} ${noun}${number === 1 ? '' : 's'}`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
