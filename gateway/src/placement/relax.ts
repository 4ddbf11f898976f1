// What smaller wish would fit. Each change is solved again before it is told; nothing is guessed from the reason.
import type { Survive } from '../state/spec.ts';
import { problemOf } from './problem.ts';
import { type CandidateSite, compareNames, countKinds, type PlacementRequest, type Relaxation } from './request.ts';
import { isFeasible } from './search.ts';

interface Change {
  /** What fits is said to fit "with" these words. */
  readonly words: string;
  readonly apply: (request: PlacementRequest) => PlacementRequest;
}

/** Changes of one kind, the smallest first. */
interface Family {
  readonly changes: readonly Change[];
  /** Grants at least what each of them does: when this is not enough, none of them is. Absent: they grant no more and more. */
  readonly everything?: Change['apply'];
}

/**
 * Of each kind of change that is enough alone, the smallest, in a fixed order of kinds; or else the first pair of changes
 * of two kinds that is enough; or nothing.
 */
export function relaxationsOf(request: PlacementRequest, sites: readonly CandidateSite[]): readonly Relaxation[] {
  const families = familiesOf(request, sites);
  const fits = (wish: PlacementRequest): boolean => isFeasible(problemOf(wish, sites));
  const smallest = ({ changes, everything }: Family, wish: PlacementRequest): Change | undefined => {
    if (everything !== undefined && !fits(everything(wish))) return undefined;
    return changes.find(({ apply }) => fits(apply(wish)));
  };

  const singles = families.flatMap((family) => smallest(family, request) ?? []);
  if (singles.length > 0) return singles.map((single) => relaxation(request, [single]));
  for (const [index, first] of families.entries()) {
    for (const second of families.slice(index + 1)) {
      if (first.everything !== undefined && smallest(second, first.everything(request)) === undefined) continue;
      for (const one of first.changes) {
        const other = smallest(second, one.apply(request));
        if (other !== undefined) return [relaxation(request, [one, other])];
      }
    }
  }
  return [];
}

function relaxation(request: PlacementRequest, changes: readonly Change[]): Relaxation {
  const wish = changes.reduce((changed, { apply }) => apply(changed), request);
  const change = Object.fromEntries(
    Object.entries(wish).filter(([key, value]) => request[key as keyof PlacementRequest] !== value),
  );
  return { change, sentence: `It fits with ${changes.map(({ words }) => words).join(' and ')}.` };
}

function familiesOf(request: PlacementRequest, sites: readonly CandidateSite[]): readonly Family[] {
  return [
    regionsBack(request, sites),
    lowerSurvival(request),
    moreRegions(request, sites),
    moreJurisdictions(request, sites),
    fewerVoters(request),
    fewerReplicas(request),
    arbiterForVoter(request),
    otherFlavors(request, sites),
  ].filter(({ changes }) => changes.length > 0);
}

/** Waiting gives up nothing of the wish, so it is told first. */
function regionsBack({ regions }: PlacementRequest, sites: readonly CandidateSite[]): Family {
  const away = sites.filter(({ isAway }) => isAway === true).map(({ region }) => region);
  const names = othersOf(away, []).filter((name) => regions.length === 0 || regions.includes(name));
  const sets = names.length > 1 ? [...names.map((name) => [name]), names] : [names];
  if (names.length === 0) return { changes: [] };
  return {
    changes: sets.map((awaited) => ({
      words: `${awaited.join(' and ')} back (${awaited.length === 1 ? 'a region that does' : 'regions that do'} not answer now: try again later)`,
      apply: (wish) => ({ ...wish, awaited }),
    })),
  };
}

/** From the most to the least that is survived. */
const SURVIVAL: readonly Survive[] = ['provider', 'region', 'zone', 'host'];

function lowerSurvival({ survive }: PlacementRequest): Family {
  const lower = SURVIVAL.slice(SURVIVAL.indexOf(survive) + 1);
  return {
    changes: lower.map((level) => ({ words: `survive: ${level}`, apply: (wish) => ({ ...wish, survive: level }) })),
    everything: (wish) => ({ ...wish, survive: 'host' }),
  };
}

function moreRegions({ regions }: PlacementRequest, sites: readonly CandidateSite[]): Family {
  if (regions.length === 0) return { changes: [] };
  const others = othersOf(
    sites.map(({ region }) => region),
    regions,
  );
  const everything: Change['apply'] = (wish) => ({ ...wish, regions: [] });
  const one = others.map(
    (name): Change => ({
      words: `the region ${name} allowed too`,
      apply: (wish) => ({ ...wish, regions: [...wish.regions, name] }),
    }),
  );
  return { changes: [...one, { words: 'every region allowed', apply: everything }], everything };
}

function moreJurisdictions({ residency }: PlacementRequest, sites: readonly CandidateSite[]): Family {
  if (residency.length === 0) return { changes: [] };
  const others = othersOf(
    sites.map(({ jurisdiction }) => jurisdiction),
    residency,
  );
  return {
    changes: others.map((name) => ({
      words: `data in the jurisdiction ${name} allowed too`,
      apply: (wish) => ({ ...wish, residency: [...wish.residency, name] }),
    })),
    everything: (wish) => ({ ...wish, residency: [] }),
  };
}

/** Fewer voters may be harder to spread, so nothing grants what all of these do. */
function fewerVoters({ voters, fixed }: PlacementRequest): Family {
  const least = countKinds(fixed).voters > 0 ? 0 : 1;
  return {
    changes: fewer(voters, least).map((less) => ({
      words: `${less} fewer voter${less === 1 ? '' : 's'}`,
      apply: (wish) => ({ ...wish, voters: wish.voters - less }),
    })),
  };
}

function fewerReplicas({ replicas }: PlacementRequest): Family {
  return {
    changes: fewer(replicas, 0).map((less) => ({
      words: `${less} fewer replica${less === 1 ? '' : 's'}`,
      apply: (wish) => ({ ...wish, replicas: wish.replicas - less }),
    })),
    everything: (wish) => ({ ...wish, replicas: 0 }),
  };
}

function arbiterForVoter({ voters }: PlacementRequest): Family {
  if (voters < 2) return { changes: [] };
  const apply: Change['apply'] = (wish) => ({
    ...wish,
    voters: Math.max(wish.voters - 1, 1),
    arbiters: (wish.arbiters ?? 0) + 1,
  });
  return { changes: [{ words: 'an arbiter in the place of a voter', apply }] };
}

function otherFlavors({ flavor }: PlacementRequest, sites: readonly CandidateSite[]): Family {
  if (flavor === undefined) return { changes: [] };
  const others = othersOf(
    sites.flatMap(({ flavors = [] }) => flavors),
    [flavor],
  );
  return {
    changes: others.map((name) => ({ words: `the flavor ${name}`, apply: (wish) => ({ ...wish, flavor: name }) })),
    everything: ({ flavor: _any, ...wish }) => wish,
  };
}

/** How many fewer there can be, if so many must be left: one fewer first. */
function fewer(count: number, least: number): number[] {
  return Array.from({ length: Math.max(count - least, 0) }, (_, index) => index + 1);
}

function othersOf(names: readonly string[], known: readonly string[]): string[] {
  return [...new Set(names)].filter((name) => !known.includes(name)).sort(compareNames);
}
