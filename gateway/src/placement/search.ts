// The best placement, exactly. Three facts make it quick:
// - Without latency, the best of a whole is made of the best of its parts for each count (options.ts).
// - The latency is at most t with a primary in region p exactly if enough voters are in p and in regions within t of
//   it: one more count. So the least latency is found by trying (p, t), nearest first, bounded from below by how many
//   voters those regions could hold at all.
// - Which regions cannot reach each other is ignored until the best placement breaks it. Then the search branches: one
//   of the two regions holds data and none that it cannot reach does, or it holds none. A branch whose bound is no
//   better than what was found is not entered; few are ever opened, and none when all regions reach each other.

import { asNear, combineAll, combineAny, type Extent, type Options, optionAt, transform } from './options.ts';
import { crowding, isWithin, type Problem, type ProblemRegion, WORD, withBalance } from './problem.ts';

export interface Found {
  readonly latencyMicroseconds: number;
  readonly value: readonly number[];
}

/** The best placement by the aim, or undefined if there is none. */
export function search(problem: Problem): Found | undefined {
  return branch(problem, (regions, best) => fastest(problem, regions, best));
}

/** Whether there is any placement: the search without its aim. */
export function isFeasible(problem: Problem): boolean {
  return (
    branch(problem, (regions, found) => (found === undefined ? cheapest(problem, regions) : undefined)) !== undefined
  );
}

type Bound = (regions: readonly ProblemRegion[], best: Found | undefined) => Found | undefined;

function branch(problem: Problem, bound: Bound): Found | undefined {
  let best: Found | undefined;
  const explore = (regions: readonly ProblemRegion[]): void => {
    const found = bound(regions, best);
    if (found === undefined || (best !== undefined && compare(found, best) >= 0)) return;
    const name = mostUnreachable(problem, found);
    if (name === undefined) {
      best = found;
      return;
    }
    const without = regions.map((region) => (region.name === name ? holding(problem, region, 'none') : region));
    const within = regions.map((region) => {
      if (region.name === name) return holding(problem, region, 'some');
      return problem.isUnreachable(region.name, name) ? holding(problem, region, 'none') : region;
    });
    explore(within);
    explore(without);
  };
  explore(reachableFromFixed(problem));
  return best;
}

/** Members that stay may be cut off from each other, which is not for placement to mend; new ones reach them all. */
function reachableFromFixed(problem: Problem): readonly ProblemRegion[] {
  const withData = problem.regions.filter(({ fixed }) => fixed.some(({ kind }) => kind !== 'arbiter'));
  return problem.regions.map((region) =>
    withData.some(({ name }) => problem.isUnreachable(region.name, name)) ? holding(problem, region, 'none') : region,
  );
}

function holding(problem: Problem, region: ProblemRegion, data: 'some' | 'none'): ProblemRegion {
  const isKept = (members: number): boolean => (data === 'some' ? members > 0 : members === 0);
  const options = transform(region.options, problem.words, (option) =>
    isKept(option.voters + option.replicas) ? option : undefined,
  );
  return { ...region, options };
}

/** Of the regions that hold data, the one that cannot reach the most others of them; the first by name of equals. */
function mostUnreachable(problem: Problem, { value }: Found): string | undefined {
  const members = problem.spelling.read(value.slice(WORD.names));
  const holders = new Set(
    problem.sites
      .filter((_, index) => (members[index]?.voters ?? 0) + (members[index]?.replicas ?? 0) > 0)
      .map(({ region }) => region),
  );
  let worst: { name: string; pairs: number } | undefined;
  for (const name of holders) {
    const pairs = [...holders].filter((other) => problem.isUnreachable(name, other)).length;
    if (pairs > (worst?.pairs ?? 0)) worst = { name, pairs };
  }
  return worst?.name;
}

/** Moves, then latency, then the rest of the words. */
function compare(left: Found, right: Found): number {
  const moves = (left.value[WORD.moves] ?? 0) - (right.value[WORD.moves] ?? 0);
  if (moves !== 0) return moves;
  if (left.latencyMicroseconds !== right.latencyMicroseconds)
    return left.latencyMicroseconds - right.latencyMicroseconds;
  for (const [index, word] of left.value.entries()) {
    const difference = word - (right.value[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The best when writes may take as long as they like. */
function cheapest(problem: Problem, regions: readonly ProblemRegion[]): Found | undefined {
  const tables = regions.map(({ options }) => options);
  return whole(problem, regions, tables, { ...problem.wanted, near: 0 });
}

function whole(
  problem: Problem,
  regions: readonly ProblemRegion[],
  tables: readonly Options[],
  target: Extent,
  latencyMicroseconds = 0,
): Found | undefined {
  const places = problem.survive === 'provider' ? providerTables(problem, regions, tables, target) : tables;
  const all = combineAll(places, problem.words, target);
  return all.rows === 0 ? undefined : { latencyMicroseconds, value: optionAt(all, 0, problem.words).value };
}

function providerTables(
  problem: Problem,
  regions: readonly ProblemRegion[],
  tables: readonly Options[],
  target: Extent,
): readonly Options[] {
  return [...new Set(regions.map(({ provider }) => provider))].map((provider) => {
    const own = tables.filter((_, index) => regions[index]?.provider === provider);
    const fixed = regions.flatMap((region) => (region.provider === provider ? region.fixed : []));
    return transform(combineAny(own, problem.words, target), problem.words, (option) => {
      if (!isWithin(problem.limits, fixed, option)) return undefined;
      const placed = option.voters + option.replicas + option.arbiters;
      return withBalance(option, problem.crowdingWeights[1] * crowding(placed, fixed.length));
    });
  });
}

/** The best when no placement with as few moves acknowledges sooner; undefined if `best` is sure to be better. */
function fastest(problem: Problem, regions: readonly ProblemRegion[], best: Found | undefined): Found | undefined {
  const bound = cheapest(problem, regions);
  if (bound === undefined || problem.k === 0) return bound;
  const moves = bound.value[WORD.moves] ?? 0;
  const bestMoves = best?.value[WORD.moves] ?? Number.POSITIVE_INFINITY;
  if (moves > bestMoves) return undefined;

  let limit = moves === bestMoves && best !== undefined ? best.latencyMicroseconds : Number.POSITIVE_INFINITY;
  let found: Found | undefined;
  for (const primary of primaries(problem, regions)) {
    if (primary.least > limit) break;
    const candidate = soonest(primary, limit, (t) => {
      const reached = acknowledgedWithin(problem, regions, primary.region, t);
      return reached !== undefined && reached.value[WORD.moves] === moves ? reached : undefined;
    });
    if (candidate === undefined) continue;
    limit = candidate.latencyMicroseconds;
    if (found === undefined || compare(candidate, found) < 0) found = candidate;
  }
  return found;
}

interface Primary {
  readonly region: number;
  /** The latencies that are possible with a primary there, ascending. */
  readonly latencies: readonly number[];
  /** No latency below this one is possible. */
  readonly least: number;
}

/** Regions that could hold the primary, those that could acknowledge soonest first. */
function primaries(problem: Problem, regions: readonly ProblemRegion[]): readonly Primary[] {
  const capacities = regions.map(({ options, fixed }) => {
    const fixedVoters = fixed.filter(({ kind }) => kind === 'voter').length;
    return fixedVoters + Math.max(0, ...options.voters);
  });
  const found: Primary[] = [];
  for (const [region, { name }] of regions.entries()) {
    if ((capacities[region] ?? 0) === 0) continue;
    const others = regions
      .map((other, index) => ({
        latency: problem.roundTrip(name, other.name),
        voters: (capacities[index] ?? 0) - Number(index === region),
      }))
      .filter(({ voters }) => voters > 0)
      .sort((left, right) => left.latency - right.latency);
    let voters = 0;
    const last = others.find((other) => {
      voters += other.voters;
      return voters >= problem.k;
    });
    if (last === undefined) continue;
    const latencies = [...new Set(others.map(({ latency }) => latency))].filter((latency) => latency >= last.latency);
    found.push({ region, latencies, least: last.latency });
  }
  return found.sort((left, right) => left.least - right.least || left.region - right.region);
}

/** The first latency, up to the limit, within which `solve` finds something: what is possible within t is within more. */
function soonest({ latencies }: Primary, limit: number, solve: (t: number) => Found | undefined): Found | undefined {
  const possible = latencies.filter((latency) => latency <= limit);
  const [first] = possible;
  if (first === undefined) return undefined;
  let found = solve(first);
  if (found !== undefined) return found;

  let [low, high] = [1, possible.length - 1];
  found = high < low ? undefined : solve(possible[high] ?? limit);
  while (found !== undefined && low < high) {
    const middle = Math.floor((low + high) / 2);
    const sooner = solve(possible[middle] ?? limit);
    if (sooner === undefined) low = middle + 1;
    else [high, found] = [middle, sooner];
  }
  return found;
}

/** The best with a primary in this region and its k-th other voter within t. */
function acknowledgedWithin(
  problem: Problem,
  regions: readonly ProblemRegion[],
  primary: number,
  t: number,
): Found | undefined {
  const home = regions[primary];
  if (home === undefined) return undefined;
  const isHomeNear = problem.roundTrip(home.name, home.name) <= t;
  // The primary itself is one of its region's voters, but acknowledges nothing.
  let need = problem.k + Number(isHomeNear);
  const tables = regions.map((region, index) => {
    const fixed = region.fixed.filter(({ kind }) => kind === 'voter').length;
    const isNear = problem.roundTrip(home.name, region.name) <= t;
    if (isNear) need -= fixed;
    const isTaken = index !== primary || fixed > 0;
    const options = isTaken
      ? region.options
      : transform(region.options, problem.words, (option) => (option.voters > 0 ? option : undefined));
    return isNear ? asNear(options) : options;
  });
  return whole(problem, regions, tables, { ...problem.wanted, near: Math.max(need, 0) }, t);
}
