// The best placement, exactly. Three facts make it quick:
// - Without latency, the best of a whole is made of the best of its parts for each count (options.ts).
// - The latency is at most t with a primary in region p exactly if enough voters are in p and in regions within t of
//   it: one more count. So each region is tried for the primary, with the least t that is possible, nearest first.
// - Which regions cannot reach each other is ignored until the best placement breaks it. Then the search branches: one
//   of the two regions holds data and none that it cannot reach does, or it holds none. A branch is bounded by what its
//   trunk reached, and left when that is no better than what was found.
import { asNear, combineAll, combineAny, type Extent, type Options, optionAt, transform } from './options.ts';
import { crowding, isWithin, type Problem, type ProblemRegion, WORD, withBalance } from './problem.ts';

export interface Found {
  readonly latencyMicroseconds: number;
  readonly value: readonly number[];
}

/** The best placement by the aim, or undefined if there is none. */
export function search(problem: Problem): Found | undefined {
  const regions = reachableFromFixed(problem);
  const fewest = explore({ regions, latency: 0 }, { problem, isBetter: movesLess, solve: cheapest });
  if (fewest === undefined) return undefined;
  const moves = movesOf(fewest);
  const isBetter = (found: Found, best: Found): boolean => compare(found, best) < 0;
  if (problem.k === 0) return explore({ regions, latency: 0 }, { problem, isBetter, solve: cheapest });

  let best: Found | undefined;
  for (const primary of primaries(problem, regions)) {
    if (best !== undefined && primary.least > best.latencyMicroseconds) break;
    const name = regions[primary.region]?.name ?? '';
    const branch = { regions: barredBy(problem, regions, name), latency: primary.least };
    const solve: Solve = (_problem, grown, found) => soonest(problem, primary, grown, moves, found);
    best = explore(branch, { problem, isBetter, solve }, best);
  }
  return best;
}

/** Whether there is any placement: the search without its aim. */
export function isFeasible(problem: Problem): boolean {
  const branch = { regions: reachableFromFixed(problem), latency: 0 };
  return explore(branch, { problem, isBetter: () => false, solve: cheapest }) !== undefined;
}

/** A part of all placements. */
interface Branch {
  readonly regions: readonly ProblemRegion[];
  /** Its latency is at least this one. */
  readonly latency: number;
}

/** The best of a branch when regions that cannot reach each other are ignored; undefined if `best` is surely better. */
type Solve = (problem: Problem, branch: Branch, best: Found | undefined) => Found | undefined;

interface Exploration {
  readonly problem: Problem;
  readonly solve: Solve;
  readonly isBetter: (found: Found, best: Found) => boolean;
}

function explore(branch: Branch, exploration: Exploration, best?: Found): Found | undefined {
  const { problem, solve, isBetter } = exploration;
  const found = solve(problem, branch, best);
  if (found === undefined || (best !== undefined && !isBetter(found, best))) return best;
  const name = mostUnreachable(problem, found);
  if (name === undefined) return found;

  const latency = found.latencyMicroseconds;
  const held = branch.regions.map((region) => (region.name === name ? holding(problem, region, 'some') : region));
  const without = branch.regions.map((region) => (region.name === name ? holding(problem, region, 'none') : region));
  const bestWithin = explore({ regions: barredBy(problem, held, name), latency }, exploration, best);
  return explore({ regions: without, latency }, exploration, bestWithin);
}

/** When one region holds data, none that it cannot reach does. */
function barredBy(problem: Problem, regions: readonly ProblemRegion[], name: string): readonly ProblemRegion[] {
  return regions.map((region) =>
    problem.isUnreachable(region.name, name) ? holding(problem, region, 'none') : region,
  );
}

function movesOf({ value }: Found): number {
  return value[WORD.moves] ?? 0;
}

function movesLess(found: Found, best: Found): boolean {
  return movesOf(found) < movesOf(best);
}

/** Members that stay may be cut off from each other, which is not for placement to mend; new ones reach them all. */
function reachableFromFixed(problem: Problem): readonly ProblemRegion[] {
  const withData = problem.regions.filter(({ fixed }) => fixed.some(({ kind }) => kind !== 'arbiter'));
  return withData.reduce((regions, { name }) => barredBy(problem, regions, name), problem.regions);
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
function cheapest(problem: Problem, { regions }: Branch): Found | undefined {
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

/** The best of a branch with the primary in this region and no more moves than must be, acknowledged the soonest. */
function soonest(
  problem: Problem,
  primary: Primary,
  branch: Branch,
  moves: number,
  best: Found | undefined,
): Found | undefined {
  // A bound may have fewer moves than there can be, as long as it ignores which regions reach each other.
  const within = (t: number): Found | undefined => {
    const found = acknowledgedWithin(problem, branch.regions, primary.region, t);
    return found !== undefined && movesOf(found) <= moves ? found : undefined;
  };
  const limit = best?.latencyMicroseconds ?? Number.POSITIVE_INFINITY;
  if (branch.latency > limit) return undefined;
  // Most branches reach the bound of their trunk, and one solution is enough.
  return (
    within(branch.latency) ??
    firstFound(
      primary.latencies.filter((t) => t > branch.latency && t <= limit),
      within,
    )
  );
}

/** Of ascending latencies, what the first one gives that gives anything: what is possible within t is within more. */
function firstFound(latencies: readonly number[], solve: (t: number) => Found | undefined): Found | undefined {
  let [low, high] = [0, latencies.length - 1];
  const last = latencies[high];
  let found = last === undefined ? undefined : solve(last);
  while (found !== undefined && low < high) {
    const middle = Math.floor((low + high) / 2);
    const sooner = solve(latencies[middle] ?? 0);
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
