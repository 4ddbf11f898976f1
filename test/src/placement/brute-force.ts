// Placement once more, by trying every assignment: slow, and simple enough to be believed. It shares no code with the
// product; the rules are written down a second time.
import type { CandidateSite, Instance, PlacementRequest, Shape } from './instances.ts';

type Kind = 'voter' | 'replica' | 'arbiter';
const KINDS: readonly Kind[] = ['voter', 'replica', 'arbiter'];

interface Member {
  readonly region: string;
  readonly zone: string;
  readonly kind: Kind;
}

/** A member with what the rules ask of its site. */
interface Settled extends Member {
  readonly site: string;
  readonly provider: string;
}

/** An instance with its sites in the order of their names, and what is looked up often. */
export interface World {
  readonly request: PlacementRequest;
  readonly sites: readonly (CandidateSite & { readonly site: string; readonly occupied: number })[];
  readonly fixed: readonly Settled[];
  readonly current: readonly Settled[];
  readonly roundTrips: ReadonlyMap<string, number>;
}

export function worldOf({ request, sites }: Instance): World {
  const settle = (member: Member): Settled => ({
    ...member,
    site: `${member.region} ${member.zone}`,
    provider: sites.find(({ region }) => region === member.region)?.provider ?? member.region,
  });
  const fixed = request.fixed.map(settle);
  const current = (request.current ?? []).map(settle);
  const named = sites.map((candidate) => {
    const site = `${candidate.region} ${candidate.zone}`;
    return { ...candidate, site, occupied: current.filter((member) => member.site === site).length };
  });
  const trips = (request.network?.roundTrips ?? []).flatMap(({ between: [one, other], microseconds }) => [
    [`${one} ${other}`, microseconds] as const,
    [`${other} ${one}`, microseconds] as const,
  ]);
  const ordered = named.sort((left, right) => (left.site < right.site ? -1 : 1));
  return { request, sites: ordered, fixed, current, roundTrips: new Map(trips) };
}

export function settled(world: World, members: readonly Member[]): Settled[] {
  return members.flatMap((member) => {
    const site = world.sites.find(({ region, zone }) => region === member.region && zone === member.zone);
    return site === undefined ? [] : [{ ...member, site: site.site, provider: site.provider }];
  });
}

function count<Item>(items: readonly Item[], isCounted: (item: Item) => boolean): number {
  let sum = 0;
  for (const item of items) if (isCounted(item)) sum += 1;
  return sum;
}

/** The first hard rule that placed members break. */
export function brokenRule(world: World, placed: readonly Settled[]): string | undefined {
  const { request } = world;
  const wanted = { voter: request.voters, replica: request.replicas, arbiter: request.arbiters ?? 0 };
  for (const kind of KINDS) {
    if (count(placed, (member) => member.kind === kind) !== wanted[kind]) return `number of ${kind}s`;
  }
  for (const site of world.sites) {
    for (const kind of KINDS) {
      const isHere = placed.some((member) => member.site === site.site && member.kind === kind);
      const broken = isHere ? brokenSiteRule(world, site, kind) : undefined;
      if (broken !== undefined) return broken;
    }
    const here = count(placed, (member) => member.site === site.site);
    if (here > capacityOf(world, site)) return 'capacity';
  }
  return brokenReach(world, placed) ?? brokenSurvival(world, placed);
}

function capacityOf({ request, fixed }: World, site: World['sites'][number]): number {
  const room = site.freeMembers + site.occupied;
  if (request.survive === 'host') return room;
  return fixed.some((member) => member.site === site.site) ? 0 : Math.min(room, 1);
}

function brokenSiteRule({ request }: World, site: CandidateSite, kind: Kind): string | undefined {
  const flavors = site.flavors ?? [];
  if (request.regions.length > 0 && !request.regions.includes(site.region)) return 'regions';
  if (kind !== 'arbiter' && request.residency.length > 0 && !request.residency.includes(site.jurisdiction)) {
    return 'residency';
  }
  if (request.excluded.some(({ region, zone }) => region === site.region && zone === site.zone)) return 'excluded';
  if (request.flavor !== undefined && flavors.length > 0 && !flavors.includes(request.flavor)) return 'flavor';
  return undefined;
}

function brokenReach({ request, fixed }: World, placed: readonly Settled[]): string | undefined {
  for (const [one, other] of request.network?.unreachable ?? []) {
    const has = (members: readonly Settled[], name: string): boolean =>
      members.some(({ region, kind }) => region === name && kind !== 'arbiter');
    const meets = (from: string, to: string): boolean => has(placed, from) && (has(placed, to) || has(fixed, to));
    if (meets(one, other) || meets(other, one)) return 'reachability';
  }
  return undefined;
}

/** Takes away each domain in turn, and looks at who is left. */
function brokenSurvival({ request, fixed }: World, placed: readonly Settled[]): string | undefined {
  const { survive } = request;
  if (survive === 'host' || placed.every(({ kind }) => kind === 'replica')) return undefined;
  const key = survive === 'zone' ? 'site' : survive;
  const members = [...placed, ...fixed];
  const isVoter = ({ kind }: Settled): boolean => kind === 'voter';
  const votesOf = (list: readonly Settled[]): number => count(list, ({ kind }) => kind !== 'replica');
  const voters = count(members, isVoter);
  const k = acknowledgementsOf(request, voters);
  for (const lost of members) {
    const left = members.filter((member) => member[key] !== lost[key]);
    const votersLeft = count(left, isVoter);
    if (votesOf(left) * 2 <= votesOf(members)) return 'majority';
    // A commit set is any k + 1 of the voters: none of them is lost as a whole if at most k voters are.
    if (voters - votersLeft > k) return 'acknowledged writes';
    if (request.onLoss !== 'degrade' && votersLeft < k + 1) return 'acknowledging writes';
  }
  return undefined;
}

function acknowledgementsOf(request: PlacementRequest, voters: number): number {
  return Math.min(request.acknowledgements ?? Math.floor(voters / 2), Math.max(voters - 1, 0));
}

/** The aim as numbers, to be compared from the left; smaller is better. */
export function aimOf(world: World, placed: readonly Settled[]): readonly number[] {
  const { request, sites, fixed } = world;
  const members = [...placed, ...fixed];
  const chosen = placed.map((member) => sites.find(({ site }) => site === member.site));
  const crowd = (key: 'region' | 'provider' | 'site'): number =>
    members.reduce((sum, member) => sum + count(members, (other) => other[key] === member[key]), 0);
  return [
    ...KINDS.map((kind) => movesOf(world, placed, kind)),
    latencyOf(world, members),
    chosen.reduce((sum, site) => sum + (site?.cost ?? 0), 0),
    crowd('region'),
    request.survive === 'provider' ? crowd('provider') : 0,
    crowd('site'),
    -chosen.reduce((sum, site) => sum + (site?.freeMembers ?? 0), 0),
  ];
}

/** Between equals: at the first site in the order of names, more voters, then more replicas, then more arbiters. */
function namesOf({ sites }: World, placed: readonly Settled[]): readonly number[] {
  return sites.flatMap(({ site }) =>
    KINDS.map((kind) => -count(placed, (member) => member.kind === kind && member.site === site)),
  );
}

function movesOf({ current }: World, placed: readonly Settled[], kind: Kind): number {
  const before = current.filter((member) => member.kind === kind);
  const after = placed.filter((member) => member.kind === kind).map(({ site }) => site);
  const wanted = after.length;
  let stays = 0;
  for (const { site } of before) {
    const index = after.indexOf(site);
    if (index < 0) continue;
    after.splice(index, 1);
    stays += 1;
  }
  return Math.min(before.length, wanted) - stays;
}

function latencyOf({ request, roundTrips }: World, members: readonly Settled[]): number {
  const voters = members.filter(({ kind }) => kind === 'voter');
  const k = acknowledgementsOf(request, voters.length);
  if (k <= 0) return 0;
  const latencies = voters.map((primary) => {
    const others = voters
      .filter((other) => other !== primary)
      .map(({ region }) => {
        const unknown = primary.region === region ? 500 : 300_000;
        return roundTrips.get(`${primary.region} ${region}`) ?? unknown;
      });
    return others.sort((left, right) => left - right)[k - 1] ?? 0;
  });
  return Math.min(...latencies);
}

export function compareWords(left: readonly number[], right: readonly number[]): number {
  const index = left.findIndex((word, at) => word !== right[at]);
  return index < 0 ? 0 : (left[index] ?? 0) - (right[index] ?? 0);
}

export interface Best {
  readonly members: readonly Settled[];
  readonly aim: readonly number[];
}

export function bruteForce(world: World): Best | undefined {
  let best: Best | undefined;
  tryAll(world, (members) => {
    if (brokenRule(world, members) !== undefined) return;
    const aim = aimOf(world, members);
    const order = best === undefined ? -1 : compareWords(aim, best.aim);
    if (order > 0) return;
    if (best !== undefined && order === 0 && compareWords(namesOf(world, members), namesOf(world, best.members)) >= 0) {
      return;
    }
    best = { members: [...members], aim };
  });
  return best;
}

/** Every set of sites for each kind of member, where each can be at all. */
function tryAll(world: World, visit: (members: readonly Settled[]) => void): void {
  const { request } = world;
  const kinds = [
    ...Array<Kind>(request.voters).fill('voter'),
    ...Array<Kind>(request.replicas).fill('replica'),
    ...Array<Kind>(request.arbiters ?? 0).fill('arbiter'),
  ];
  const members: Settled[] = [];
  const extend = (from: number): void => {
    const kind = kinds[members.length];
    if (kind === undefined) {
      visit(members);
      return;
    }
    for (let index = members.at(-1)?.kind === kind ? from : 0; index < world.sites.length; index += 1) {
      const site = world.sites[index];
      if (site === undefined || brokenSiteRule(world, site, kind) !== undefined) continue;
      if (count(members, (member) => member.site === site.site) >= capacityOf(world, site)) continue;
      members.push({ kind, region: site.region, zone: site.zone, site: site.site, provider: site.provider });
      extend(index);
      members.pop();
    }
  };
  extend(0);
}

/** How many assignments there are at most, when a site may hold several. */
export function assignmentCount({ regions, zones, voters, replicas, arbiters }: Shape): number {
  const choices = (members: number): number => {
    let product = 1;
    for (let index = 0; index < members; index += 1) product = (product * (regions * zones + index)) / (index + 1);
    return product;
  };
  return choices(voters) * choices(replicas) * choices(arbiters);
}
