// Why these sites, in sentences for people.
import type { Site } from '../state/spec.ts';
import { UNKNOWN_MICROSECONDS } from './latency.ts';
import type { Problem } from './problem.ts';
import { countKinds, type Placed, type PlacedMember, type PlacementRequest } from './request.ts';
import { domainOf, mayHoldData } from './rules.ts';

export function reasonsFor(
  request: PlacementRequest,
  problem: Problem,
  placed: Omit<Placed, 'reasons'>,
): readonly string[] {
  const members = [...placed.sites, ...request.fixed];
  return [
    ...survivalReasons(request, problem, members),
    ...latencyReasons(problem, placed),
    ...arbiterReasons(request, problem, placed),
    ...(placed.objective.cost > 0 ? [`Cost of the members placed: ${placed.objective.cost}.`] : []),
    ...placed.moves.map(({ kind, from, to }) => `A ${kind} moves from ${nameOf(from)} to ${nameOf(to)}.`),
  ];
}

function survivalReasons(request: PlacementRequest, problem: Problem, members: readonly PlacedMember[]): string[] {
  const { voters, arbiters } = countKinds(members);
  if (voters === 0) return [];
  const where = members
    .filter(({ kind }) => kind === 'voter')
    .map(nameOf)
    .join(', ');
  if (voters === 1) return [`One voter, in ${where}: there is no failover.`];
  if (problem.survive === 'host' && voters === 2) {
    return [`2 voters in ${where}: the loss of either loses no acknowledged write, but stops writes.`];
  }
  const lost = largestLoss(problem, members);
  const left = `at least ${voters - lost} of ${voters} voters${arbiters > 0 ? ` and a majority of ${voters + arbiters} votes` : ''}`;
  const enough =
    request.onLoss === 'degrade' && voters - lost <= problem.k
      ? 'every acknowledged write, and writes go on degraded'
      : 'enough to elect a primary and to acknowledge writes';
  return [`Voters in ${where}: the loss of any one ${problem.survive} leaves ${left}, ${enough}.`];
}

/** The most voters that the loss of one domain takes. */
function largestLoss(problem: Problem, members: readonly PlacedMember[]): number {
  if (problem.survive === 'host') return 1;
  const lost = new Map<string, number>();
  for (const { kind, region, zone } of members) {
    if (kind !== 'voter') continue;
    const provider = problem.regions.find(({ name }) => name === region)?.provider ?? region;
    const domain = domainOf(problem.survive, { region, zone, provider });
    lost.set(domain, (lost.get(domain) ?? 0) + 1);
  }
  return Math.max(...lost.values());
}

function latencyReasons(problem: Problem, { primary, objective }: Omit<Placed, 'reasons'>): string[] {
  if (primary === undefined || problem.k === 0) return [];
  const { latencyMicroseconds } = objective;
  const others = problem.k === 1 ? 'the nearest other voter' : `the ${problem.k} nearest other voters`;
  const measured = latencyMicroseconds >= UNKNOWN_MICROSECONDS ? ', as long as the round trip is not measured' : '';
  return [
    `Write latency ${milliseconds(latencyMicroseconds)} with the primary in ${nameOf(primary)}: a write waits for ${others}${measured}.`,
  ];
}

function arbiterReasons(request: PlacementRequest, problem: Problem, { sites }: Omit<Placed, 'reasons'>): string[] {
  const abroad = sites.filter(({ kind, region, zone }) => {
    const site = problem.sites.find((candidate) => candidate.region === region && candidate.zone === zone);
    return kind === 'arbiter' && site !== undefined && !mayHoldData(request, site);
  });
  return abroad.map(
    (site) => `The arbiter in ${nameOf(site)} holds no data, so the residency ${request.residency.join(', ')} holds.`,
  );
}

function nameOf({ region, zone }: Site): string {
  return `${region}/${zone}`;
}

function milliseconds(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(1)} ms`;
}
