// Placement against oracles that share no code with it. The full counts: `npm run bench -- placement-proof`.
import { place } from '@argosy/gateway';
import test from 'ava';
import { bruteForce, worldOf } from './brute-force.ts';
import { drawing, type Instance, type PlacementRequest, shuffled } from './instances.ts';
import { loadSolver } from './integer-program.ts';
import { largeInstance, proveByBruteForce, proveByIntegerPrograms, smallInstance } from './proofs.ts';

test('placement finds what trying every assignment finds, on 600 seeded instances of up to 18 sites', (t) => {
  const proof = proveByBruteForce({ from: 1, count: 600 });

  t.deepEqual(proof.differences, []);
  t.true(proof.feasible > 200 && proof.feasible < 500, `${proof.feasible} feasible`);
});

test('placement finds what integer programs find, on 20 seeded instances of up to 60 sites', async (t) => {
  const proof = proveByIntegerPrograms({ from: 1, count: 20 }, await loadSolver());

  t.deepEqual(proof.differences, []);
  t.true(proof.feasible > 5 && proof.feasible < 20, `${proof.feasible} feasible`);
});

test('the order in which anything is told changes nothing, on 100 seeded instances', (t) => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const instance = seed % 4 === 0 ? largeInstance(seed) : smallInstance(seed);
    const { request, sites } = reordered(instance, seed);

    t.deepEqual(place(request, sites), place(instance.request, instance.sites), `seed ${seed}`);
  }
});

test('every relaxation is feasible, and of its kind the smallest that is, on 150 seeded infeasible instances', (t) => {
  let refused = 0;
  for (let seed = 1; refused < 150; seed += 1) {
    const instance = smallInstance(seed);
    const placement = place(instance.request, instance.sites);
    if (!('infeasible' in placement)) continue;
    refused += 1;
    const told = placement.relaxations.map(({ change }) => change);
    for (const change of told) t.true(fits(instance, change), `seed ${seed}: ${JSON.stringify(change)}`);
    const singles = singleChanges(instance).flatMap((family) => family.find((change) => fits(instance, change)) ?? []);
    if (singles.length > 0) t.deepEqual(told, singles, `seed ${seed}`);
    else t.true(told.length <= 1, `seed ${seed}`);
  }
});

function reordered({ request, sites }: Instance, seed: number): Instance {
  const draw = drawing(1_000_000 + seed);
  const { network = { roundTrips: [], unreachable: [] } } = request;
  const turned = network.roundTrips.map(({ between: [one, other], microseconds }) => ({
    between: [other, one] as const,
    microseconds,
  }));
  return {
    sites: shuffled(draw, sites),
    request: {
      ...request,
      fixed: shuffled(draw, request.fixed),
      current: shuffled(draw, request.current ?? []),
      network: { roundTrips: shuffled(draw, turned), unreachable: shuffled(draw, network.unreachable) },
    },
  };
}

function fits(instance: Instance, change: Partial<PlacementRequest>): boolean {
  return bruteForce(worldOf({ ...instance, request: { ...instance.request, ...change } })) !== undefined;
}

/** What may be told, kind by kind and each from the smallest. */
function singleChanges({ request, sites }: Instance): Partial<PlacementRequest>[][] {
  const { voters, replicas, arbiters = 0, regions, residency, flavor } = request;
  const levels = ['provider', 'region', 'zone', 'host'] as const;
  const others = (names: readonly string[], known: readonly string[]): string[] =>
    [...new Set(names)].filter((name) => !known.includes(name)).sort();
  const upTo = (count: number): number[] => Array.from({ length: Math.max(count, 0) }, (_, index) => index + 1);
  const regionNames = sites.map(({ region }) => region);
  const jurisdictions = sites.map(({ jurisdiction }) => jurisdiction);
  const flavors = sites.flatMap((site) => site.flavors ?? []);
  const least = request.fixed.some(({ kind }) => kind === 'voter') ? 0 : 1;
  return [
    levels.slice(levels.indexOf(request.survive) + 1).map((survive) => ({ survive })),
    regions.length === 0
      ? []
      : [...others(regionNames, regions).map((name) => ({ regions: [...regions, name] })), { regions: [] }],
    residency.length === 0 ? [] : others(jurisdictions, residency).map((name) => ({ residency: [...residency, name] })),
    upTo(voters - least).map((less) => ({ voters: voters - less })),
    upTo(replicas).map((less) => ({ replicas: replicas - less })),
    voters < 2 ? [] : [{ voters: voters - 1, arbiters: arbiters + 1 }],
    flavor === undefined ? [] : others(flavors, [flavor]).map((name) => ({ flavor: name })),
  ];
}
