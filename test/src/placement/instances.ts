// Seeded wishes and sites for placement: small integers, so that equals are common, and every rule is asked for often
// enough to bind.
import type { PlacementRequest, place } from '@argosy/gateway';
import { seeded } from '../seeded.ts';

export type CandidateSite = Parameters<typeof place>[1][number];
export type { PlacementRequest };

export interface Instance {
  readonly request: PlacementRequest;
  readonly sites: readonly CandidateSite[];
}

export interface Shape {
  readonly regions: number;
  readonly zones: number;
  readonly voters: number;
  readonly replicas: number;
  readonly arbiters: number;
}

/** Whole numbers below a bound, the same for the same seed. */
export type Draw = (below: number) => number;

export function drawing(seed: number): Draw {
  const random = seeded(seed);
  return (below) => Math.floor(random() * below);
}

export function pick<Item>(draw: Draw, items: readonly [Item, ...Item[]]): Item {
  return items[draw(items.length)] ?? items[0];
}

export function shuffled<Item>(draw: Draw, items: readonly Item[]): Item[] {
  const result = [...items];
  for (let index = result.length - 1; index > 0; index -= 1) {
    const other = draw(index + 1);
    [result[index], result[other]] = [result[other] as Item, result[index] as Item];
  }
  return result;
}

const JURISDICTIONS = ['CH', 'EU', 'US'] as const;
const SURVIVAL = ['host', 'zone', 'zone', 'region', 'region', 'provider'] as const;

/** An instance of a shape, with whatever rules the draw asks for. */
export function drawInstance(draw: Draw, shape: Shape): Instance {
  const sites = drawSites(draw, shape);
  const regions = [...new Set(sites.map(({ region }) => region))];
  const all = sites.map(({ region, zone }) => ({ region, zone }));
  const kinds = [
    ...Array<'voter'>(shape.voters).fill('voter'),
    ...Array<'replica'>(shape.replicas).fill('replica'),
    ...Array<'arbiter'>(shape.arbiters).fill('arbiter'),
  ];
  const standing = shuffled(draw, all);
  const fixed = shuffled(draw, kinds).slice(0, draw(4) === 0 ? draw(3) : 0);
  const moving = draw(2) === 0 ? kinds.slice(0, draw(kinds.length + 1)) : [];
  const at = (index: number) => standing[index % standing.length] ?? { region: 'nowhere', zone: 'nowhere' };
  const left = (kind: string, count: number): number => count - fixed.filter((other) => other === kind).length;

  const request: PlacementRequest = {
    voters: left('voter', shape.voters),
    replicas: left('replica', shape.replicas),
    arbiters: left('arbiter', shape.arbiters),
    survive: shape.voters < 3 && draw(8) > 0 ? 'host' : pick(draw, SURVIVAL),
    regions: draw(6) === 0 ? regions.filter(() => draw(4) > 0) : [],
    residency: draw(4) === 0 ? JURISDICTIONS.filter(() => draw(3) > 0) : [],
    fixed: fixed.map((kind, index) => ({ kind, ...at(index) })),
    current: moving.map((kind, index) => ({ kind, ...at(fixed.length + index) })),
    excluded: draw(4) === 0 ? [at(draw(all.length))] : [],
    ...(draw(4) === 0 ? { flavor: 'large' } : {}),
    ...(draw(10) === 0 ? { acknowledgements: draw(4) } : {}),
    ...(draw(4) === 0 ? { onLoss: 'degrade' as const } : {}),
    network: drawNetwork(draw, regions),
  };
  return { request, sites: shuffled(draw, sites) };
}

function drawSites(draw: Draw, { regions, zones }: Shape): CandidateSite[] {
  const providers = Math.ceil(regions / (1 + draw(2)));
  const cheap = draw(3) === 0;
  return Array.from({ length: regions }, (_, index) => `r${String(index).padStart(2, '0')}`).flatMap((region) => {
    const provider = `p${draw(providers)}`;
    const jurisdiction = pick(draw, JURISDICTIONS);
    return Array.from({ length: zones }, (_, zone) => ({
      region,
      zone: `${region}${String.fromCharCode(97 + zone)}`,
      provider,
      jurisdiction,
      freeMembers: draw(6),
      flavors: pick<readonly string[]>(draw, [[], ['large', 'small'], ['small'], ['large']]),
      cost: cheap ? 0 : draw(4),
    }));
  });
}

function drawNetwork(draw: Draw, regions: readonly string[]): NonNullable<PlacementRequest['network']> {
  const pairs = regions.flatMap((from, index) => regions.slice(index).map((to) => [from, to] as const));
  const unreachableOneIn = pick(draw, [0, 0, 0, 5, 15]);
  return {
    roundTrips: pairs
      .filter(([from, to]) => draw(from === to ? 3 : 10) > (from === to ? 1 : 0))
      .map((between) => ({ between, microseconds: 100 * (1 + draw(12)) })),
    unreachable: pairs.filter(([from, to]) => from !== to && unreachableOneIn > 0 && draw(unreachableOneIn) === 0),
  };
}
