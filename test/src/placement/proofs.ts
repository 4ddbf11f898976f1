// Compares the product's placement with an oracle on seeded instances, and tells of the first that differ.
import { place } from '@argosy/gateway';
import {
  aimOf,
  assignmentCount,
  type Best,
  brokenRule,
  bruteForce,
  compareWords,
  settled,
  type World,
  worldOf,
} from './brute-force.ts';
import { type Draw, drawInstance, drawing, type Instance, pick, type Shape } from './instances.ts';
import { type Optimum, type Solver, solveByIntegerProgram } from './integer-program.ts';

export interface Seeds {
  readonly from: number;
  readonly count: number;
}

export interface Proof {
  readonly instances: number;
  readonly feasible: number;
  readonly differences: readonly string[];
}

/** Shapes of up to 18 sites, as large as can be tried out. */
function smallShape(draw: Draw): Shape {
  for (;;) {
    const shape = {
      regions: pick(draw, [1, 2, 3, 3, 4, 4, 5, 6]),
      zones: 1 + draw(3),
      voters: pick(draw, [1, 2, 3, 3, 3, 4, 5]),
      replicas: draw(4),
      arbiters: draw(3) === 0 ? 1 + draw(2) : 0,
    };
    if (assignmentCount(shape) <= (draw(30) === 0 ? 40_000 : 4_000)) return shape;
  }
}

export function smallInstance(seed: number): Instance {
  const draw = drawing(seed);
  return drawInstance(draw, smallShape(draw));
}

export function proveByBruteForce(seeds: Seeds): Proof {
  const differences: string[] = [];
  let feasible = 0;
  for (let seed = seeds.from; seed < seeds.from + seeds.count; seed += 1) {
    const instance = smallInstance(seed);
    const world = worldOf(instance);
    const expected = bruteForce(world);
    if (expected !== undefined) feasible += 1;
    const difference = differenceTo(instance, world, expected);
    if (difference !== undefined) differences.push(`seed ${seed}: ${difference}`);
  }
  return { instances: seeds.count, feasible, differences };
}

function differenceTo(instance: Instance, world: World, expected: Best | undefined): string | undefined {
  const placement = place(instance.request, instance.sites);
  if ('infeasible' in placement) return expected === undefined ? undefined : `"${placement.infeasible}" is feasible`;
  if (expected === undefined) return 'placed what is infeasible';
  const members = settled(world, placement.sites);
  const broken = brokenRule(world, members);
  if (broken !== undefined) return `breaks the rule of ${broken}`;
  const aim = aimOf(world, members);
  if (compareWords(aim, expected.aim) !== 0) return `aim ${aim.join(' ')}, expected ${expected.aim.join(' ')}`;
  const { moves, latencyMicroseconds, cost } = placement.objective;
  const told = [moves.voters, moves.replicas, moves.arbiters, latencyMicroseconds, cost];
  if (compareWords(told, aim.slice(0, told.length)) !== 0) return `tells ${told.join(' ')} of ${aim.join(' ')}`;
  const names = (list: readonly { kind: string; zone: string }[]): string =>
    list.map(({ kind, zone }) => `${kind} ${zone}`).join(', ');
  const [ours, theirs] = [names(placement.sites), names(expected.members)];
  return ours === theirs ? undefined : `${ours}, expected ${theirs}`;
}

/** Shapes of up to 60 sites, 7 voters and 8 replicas. */
function largeShape(draw: Draw): Shape {
  return {
    regions: pick(draw, [3, 4, 6, 8, 12, 20]),
    zones: 1 + draw(3),
    voters: pick(draw, [3, 3, 5, 5, 7]),
    replicas: draw(4) === 0 ? draw(9) : draw(3),
    arbiters: draw(3) === 0 ? 1 + draw(2) : 0,
  };
}

export function largeInstance(seed: number): Instance {
  const draw = drawing(seed);
  return drawInstance(draw, largeShape(draw));
}

export function proveByIntegerPrograms({ from, count }: Seeds, solver: Solver): Proof {
  const differences: string[] = [];
  let feasible = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const instance = largeInstance(seed);
    const optimum = solveByIntegerProgram(instance, solver);
    if (optimum !== undefined) feasible += 1;
    const difference = differenceToOptimum(instance, optimum);
    if (difference !== undefined) differences.push(`seed ${seed}: ${difference}`);
  }
  return { instances: count, feasible, differences };
}

function differenceToOptimum(instance: Instance, optimum: Optimum | undefined): string | undefined {
  const placement = place(instance.request, instance.sites);
  if ('infeasible' in placement) return optimum === undefined ? undefined : `"${placement.infeasible}" is feasible`;
  if (optimum === undefined) return 'placed what is infeasible';
  const world = worldOf(instance);
  const broken = brokenRule(world, settled(world, placement.sites));
  if (broken !== undefined) return `breaks the rule of ${broken}`;
  const { moves, latencyMicroseconds, cost } = placement.objective;
  const ours = [moves.voters, moves.replicas, moves.arbiters, latencyMicroseconds, cost];
  const theirs = [...optimum.moves, optimum.latencyMicroseconds, optimum.cost];
  return compareWords(ours, theirs) === 0 ? undefined : `${ours.join(' ')}, expected ${theirs.join(' ')}`;
}
