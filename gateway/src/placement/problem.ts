// A request and its sites as tables: what each region can hold, and what that is worth.
import assert from 'node:assert/strict';
import type { Survive } from '../state/spec.ts';
import { type RoundTripBetween, roundTripsOf, unreachablePairsOf } from './latency.ts';
import { combineAny, NOBODY, type Option, type Options, optionsOf, transform } from './options.ts';
import {
  type CandidateSite,
  type Counts,
  compareNames,
  compareSites,
  countKinds,
  isSameSite,
  type PlacedMember,
  type PlacementRequest,
} from './request.ts';
import { acknowledgements, type DomainLimits, domainLimits, mayHoldData, obstacleOf, roomAt } from './rules.ts';
import { type Spelling, spellingOf } from './spelling.ts';

/** The words of a value, which is minimised from the left; the names follow. Latency is the search's own. */
export const WORD = { moves: 0, cost: 1, balance: 2, room: 3, names: 4 } as const;

/** A voter's move outweighs any number of replicas' moves, and so on. */
const MOVE_WEIGHTS: Counts = { voters: 1_000_000, replicas: 1_000, arbiters: 1 };

export interface ProblemRegion {
  readonly name: string;
  readonly provider: string;
  readonly fixed: readonly PlacedMember[];
  readonly options: Options;
}

export interface Problem {
  readonly wanted: Counts;
  /** Acknowledgements of other voters that a write waits for. */
  readonly k: number;
  readonly survive: Survive;
  readonly limits: DomainLimits | undefined;
  /** In the order of their names. */
  readonly sites: readonly CandidateSite[];
  /** With a candidate or a fixed member, in the order of their names. */
  readonly regions: readonly ProblemRegion[];
  /** What the crowding of sites, of providers and of regions weighs in the balance. */
  readonly crowdingWeights: readonly [number, number, number];
  readonly words: number;
  readonly spelling: Spelling;
  readonly roundTrip: RoundTripBetween;
  readonly isUnreachable: (from: string, to: string) => boolean;
}

export function problemOf(request: PlacementRequest, told: readonly CandidateSite[]): Problem {
  const known = uniqueSites(told);
  const sites = known.filter((site) => obstacleOf(request, site) === undefined);
  const wanted: Counts = { voters: request.voters, replicas: request.replicas, arbiters: request.arbiters ?? 0 };
  const spelling = spellingOf(sites.length, wanted, request.survive !== 'host');
  const base = {
    wanted,
    k: acknowledgements(request),
    survive: request.survive,
    limits: domainLimits(request),
    sites,
    crowdingWeights: crowdingWeights(request, wanted),
    words: WORD.names + spelling.words,
    spelling,
    roundTrip: roundTripsOf(request.network),
    isUnreachable: unreachablePairsOf(request.network),
  };

  const names = [...new Set([...sites, ...request.fixed].map(({ region }) => region))].sort(compareNames);
  const regions = names.map((name): ProblemRegion => {
    const fixed = request.fixed.filter(({ region }) => region === name);
    const tables = sites.flatMap((site, index) =>
      site.region === name ? [siteOptions(request, base, site, index)] : [],
    );
    const options = regionOptions(base, tables, fixed);
    return { name, provider: providerOf(known, name), fixed, options };
  });
  return { ...base, regions };
}

type Base = Omit<Problem, 'regions'>;

/** A site that is told twice counts once, with the least of what was told. */
function uniqueSites(told: readonly CandidateSite[]): readonly CandidateSite[] {
  const sorted = [...told].sort(
    (left, right) =>
      compareSites(left, right) ||
      left.freeMembers - right.freeMembers ||
      compareNames(JSON.stringify(left), JSON.stringify(right)),
  );
  return sorted.filter((site, index) => {
    const before = sorted[index - 1];
    return before === undefined || !isSameSite(before, site);
  });
}

/** A region that no site tells of has only fixed members, and counts as its own provider. */
function providerOf(known: readonly CandidateSite[], region: string): string {
  const providers = new Set(known.filter((site) => site.region === region).map(({ provider }) => provider));
  assert(providers.size <= 1, `the region ${region} has one provider`);
  return [...providers][0] ?? region;
}

/** Squares: 2 and 2 crowd less than 3 and 1. Those that are fixed are not the choice's to answer for. */
export function crowding(placed: number, fixed: number): number {
  return (placed + fixed) ** 2 - fixed ** 2;
}

/** Regions first, since they fail oftener than providers; then providers, when the loss of one matters; then zones. */
function crowdingWeights({ fixed, survive }: PlacementRequest, wanted: Counts): [number, number, number] {
  const members = fixed.length + wanted.voters + wanted.replicas + wanted.arbiters;
  const above = members ** 2 + 1;
  return [1, survive === 'provider' ? above : 0, above ** 2];
}

/** Whether a domain with these fixed members may get so many more. */
export function isWithin(
  limits: DomainLimits | undefined,
  fixed: readonly PlacedMember[],
  placed: { readonly voters: number; readonly arbiters: number },
): boolean {
  if (limits === undefined) return true;
  const there = countKinds(fixed);
  const voters = there.voters + placed.voters;
  return voters <= limits.voters && voters + there.arbiters + placed.arbiters <= limits.votes;
}

function siteOptions(request: PlacementRequest, problem: Base, site: CandidateSite, index: number): Options {
  const { wanted, spelling, words } = problem;
  const room = roomAt(request, site);
  const here = countKinds((request.current ?? []).filter((member) => isSameSite(member, site)));
  const fixed = request.fixed.filter((member) => isSameSite(member, site));
  const holdsData = mayHoldData(request, site);

  const options: Option[] = [];
  for (let voters = 0; voters <= Math.min(room, holdsData ? wanted.voters : 0); voters += 1) {
    for (let replicas = 0; replicas <= Math.min(room - voters, holdsData ? wanted.replicas : 0); replicas += 1) {
      for (let arbiters = 0; arbiters <= Math.min(room - voters - replicas, wanted.arbiters); arbiters += 1) {
        if (request.survive === 'zone' && !isWithin(problem.limits, fixed, { voters, arbiters })) continue;
        const placed = voters + replicas + arbiters;
        const value = Array<number>(words).fill(0);
        value[WORD.moves] = 0 - weigh(stayed({ voters, replicas, arbiters }, here));
        value[WORD.cost] = placed * (site.cost ?? 0);
        value[WORD.balance] = problem.crowdingWeights[0] * crowding(placed, fixed.length);
        value[WORD.room] = 0 - placed * site.freeMembers;
        const { word, addend } = spelling.spell(index, { voters, replicas, arbiters });
        value[WORD.names + word] = addend;
        options.push({ voters, near: 0, replicas, arbiters, value });
      }
    }
  }
  return optionsOf(options, words);
}

function regionOptions(problem: Base, tables: readonly Options[], fixed: readonly PlacedMember[]): Options {
  const { words, wanted } = problem;
  const held = combineAny(tables, words, { ...wanted, near: 0 });
  const zones = new Set(fixed.map(({ zone }) => zone));
  const crowded = [...zones].some(
    (zone) =>
      !isWithin(
        problem.limits,
        fixed.filter((member) => member.zone === zone),
        NOBODY,
      ),
  );
  return transform(held, words, (option) => {
    if (problem.survive === 'zone' && crowded) return undefined;
    if (problem.survive === 'region' && !isWithin(problem.limits, fixed, option)) return undefined;
    const placed = option.voters + option.replicas + option.arbiters;
    return withBalance(option, problem.crowdingWeights[2] * crowding(placed, fixed.length));
  });
}

export function withBalance(option: Option, addend: number): Option {
  const value = [...option.value];
  value[WORD.balance] = (value[WORD.balance] ?? 0) + addend;
  return { ...option, value };
}

/** Of each kind, how many of those wanted at a site are there already. */
function stayed(wanted: Counts, here: Counts): Counts {
  return {
    voters: Math.min(wanted.voters, here.voters),
    replicas: Math.min(wanted.replicas, here.replicas),
    arbiters: Math.min(wanted.arbiters, here.arbiters),
  };
}

function weigh({ voters, replicas, arbiters }: Counts): number {
  return voters * MOVE_WEIGHTS.voters + replicas * MOVE_WEIGHTS.replicas + arbiters * MOVE_WEIGHTS.arbiters;
}
