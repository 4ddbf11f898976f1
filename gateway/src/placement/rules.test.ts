import test from 'ava';
import { toleratingPlaced } from './latency.ts';
import { type CandidateSite, type PlacedMember, type Placement, type PlacementRequest, place } from './place.ts';

const wish: PlacementRequest = {
  voters: 3,
  replicas: 0,
  survive: 'region',
  regions: [],
  residency: [],
  fixed: [],
  excluded: [],
};

function site(name: string, more: Partial<CandidateSite> = {}): CandidateSite {
  const [region = ''] = name.split('-');
  return { region, zone: name, provider: `of ${region}`, jurisdiction: 'EU', freeMembers: 10, ...more };
}

function sitesOf(...names: string[]): CandidateSite[] {
  return names.map((name) => site(name));
}

function member(kind: PlacedMember['kind'], name: string): PlacedMember {
  return { kind, region: name.split('-')[0] ?? '', zone: name };
}

/** Where each member is, as `voter north-a`; or nothing where there is no placement. */
function chosen(placement: Placement): readonly string[] | undefined {
  return 'infeasible' in placement ? undefined : placement.sites.map(({ kind, zone }) => `${kind} ${zone}`);
}

function perRegion(placement: Placement): number[] {
  if ('infeasible' in placement) return [];
  const regions = placement.sites.map(({ region }) => region);
  return [...new Set(regions)].map((name) => regions.filter((other) => other === name).length).sort();
}

const four = sitesOf('e-a', 'e-b', 'n-a', 'n-b', 's-a', 's-b', 'w-a', 'w-b');
const three = four.filter(({ region }) => region !== 'w');

test('three, four and seven voters: no domain holds more than the rest can do without', (t) => {
  t.deepEqual(perRegion(place(wish, three)), [1, 1, 1]);
  t.deepEqual(perRegion(place({ ...wish, voters: 4 }, four)), [1, 1, 1, 1]);
  t.is(chosen(place({ ...wish, voters: 4 }, three)), undefined);
  t.deepEqual(perRegion(place({ ...wish, voters: 7 }, four)), [1, 2, 2, 2]);
});

test('five voters need three regions, for a commit set is three of them', (t) => {
  const two = sitesOf('n-a', 'n-b', 'n-c', 's-a', 's-b', 's-c');

  t.is(chosen(place({ ...wish, voters: 5 }, two)), undefined);
  t.deepEqual(perRegion(place({ ...wish, voters: 5 }, three)), [1, 2, 2]);
});

test('two voters and an arbiter survive nothing, unless the survivor may degrade', (t) => {
  const request = { ...wish, voters: 2, arbiters: 1 };

  t.is(chosen(place(request, three)), undefined);
  t.deepEqual(chosen(place({ ...request, onLoss: 'degrade' }, three)), ['voter e-a', 'voter n-a', 'arbiter s-a']);
});

test('an arbiter beside voters counts against the majority of votes', (t) => {
  const request = { ...wish, voters: 3, arbiters: 1 };

  t.is(chosen(place(request, three)), undefined);
  t.deepEqual(perRegion(place(request, four)), [1, 1, 1, 1]);
});

test('two voters degrade only with a third vote, since one of two is no majority', (t) => {
  t.is(chosen(place({ ...wish, voters: 2, onLoss: 'degrade' }, three)), undefined);
});

test('with fewer acknowledgements than usual a loss takes fewer voters, with more of them writes stop sooner', (t) => {
  const loose = place({ ...wish, voters: 5, acknowledgements: 1 }, three);
  const tight = place({ ...wish, voters: 5, acknowledgements: 3 }, three);

  t.is(chosen(loose), undefined);
  t.is(chosen(tight), undefined);
  t.not(chosen(place({ ...wish, voters: 5, acknowledgements: 3, onLoss: 'degrade' }, three)), undefined);
});

test('replicas do not vote and may crowd a region', (t) => {
  const narrow = sitesOf('e-a', 'n-a', 's-a', 's-b', 's-c');

  t.deepEqual(chosen(place({ ...wish, replicas: 2 }, narrow)), [
    'voter e-a',
    'voter n-a',
    'voter s-a',
    'replica s-b',
    'replica s-c',
  ]);
});

test('fixed voters count in their domains, and a wish that only adds a replica does not judge them', (t) => {
  const fixed = [member('voter', 'n-a'), member('voter', 'n-b')];

  t.is(chosen(place({ ...wish, voters: 1, fixed }, four)), undefined);
  t.deepEqual(chosen(place({ ...wish, voters: 0, replicas: 1, fixed }, four)), ['replica e-a']);
});

test('zones are domains of their own when a zone must be survivable', (t) => {
  t.deepEqual(chosen(place({ ...wish, survive: 'zone' }, sitesOf('n-a', 'n-b', 'n-c'))), [
    'voter n-a',
    'voter n-b',
    'voter n-c',
  ]);
  t.is(chosen(place({ ...wish, survive: 'zone' }, sitesOf('n-a', 'n-b'))), undefined);
  t.is(chosen(place({ ...wish, voters: 2, survive: 'zone' }, sitesOf('n-a', 'n-b'))), undefined);
});

test('members share a site only when no more than a host must be survivable', (t) => {
  const one = [site('n-a', { freeMembers: 3 })];

  t.is(chosen(place({ ...wish, survive: 'zone' }, one)), undefined);
  t.deepEqual(chosen(place({ ...wish, survive: 'host' }, one)), ['voter n-a', 'voter n-a', 'voter n-a']);
  t.is(chosen(place({ ...wish, voters: 4, survive: 'host' }, one)), undefined);
});

test('an arbiter may be where data may not', (t) => {
  const sites = [...sitesOf('e-a', 'n-a'), site('x-a', { jurisdiction: 'US' })];
  const request = { ...wish, voters: 2, arbiters: 1, onLoss: 'degrade', residency: ['EU'] } as const;

  t.deepEqual(chosen(place(request, sites)), ['voter e-a', 'voter n-a', 'arbiter x-a']);
  t.is(chosen(place({ ...wish, residency: ['EU'] }, sites)), undefined);
  t.is(
    chosen(place({ ...wish, voters: 0, replicas: 1, survive: 'host', residency: ['US'] }, sites.slice(0, 2))),
    undefined,
  );
  t.is(chosen(place({ ...wish, voters: 1, replicas: 2, survive: 'host', residency: ['CH'] }, sites)), undefined);
});

test('a site without the flavor is no candidate, and one that tells of none has any', (t) => {
  const sites = [site('e-a', { flavors: ['small'] }), site('n-a', { flavors: ['large'] }), site('s-a')];

  t.deepEqual(chosen(place({ ...wish, voters: 1, replicas: 1, survive: 'host', flavor: 'large' }, sites)), [
    'voter n-a',
    'replica s-a',
  ]);
  t.is(chosen(place({ ...wish, flavor: 'large' }, sites)), undefined);
});

test('members with data are never in regions that cannot reach each other, but arbiters may be', (t) => {
  const network = { roundTrips: [], unreachable: [['n', 'e']] } as const;

  t.is(chosen(place({ ...wish, network }, three)), undefined);
  t.deepEqual(chosen(place({ ...wish, network }, four)), ['voter e-a', 'voter s-a', 'voter w-a']);
  t.deepEqual(chosen(place({ ...wish, voters: 2, arbiters: 1, onLoss: 'degrade', network }, three)), [
    'voter e-a',
    'voter s-a',
    'arbiter n-a',
  ]);
});

test('a region that reaches too few others is left out', (t) => {
  const network = {
    roundTrips: [],
    unreachable: [
      ['e', 'n'],
      ['s', 'e'],
    ],
  } as const;

  t.deepEqual(chosen(place({ ...wish, network }, four)), ['voter n-a', 'voter s-a', 'voter w-a']);
});

test('what is new must reach fixed members, which need not reach each other', (t) => {
  const fixed = [member('voter', 'n-a'), member('voter', 'e-a')];
  const apart = { roundTrips: [], unreachable: [['n', 'e']] } as const;
  const cut = { roundTrips: [], unreachable: [['n', 's']] } as const;

  t.deepEqual(chosen(place({ ...wish, voters: 1, fixed, network: apart }, three)), ['voter s-a']);
  t.is(chosen(place({ ...wish, voters: 1, fixed, network: cut }, three)), undefined);
});

test('a change moves nobody because members that are there do not reach each other now', (t) => {
  const current = [member('voter', 'n-a'), member('voter', 'e-a'), member('voter', 's-a')];
  const cut = { roundTrips: [], unreachable: [['n', 'e']] } as const;
  const moved = place({ ...wish, current, network: cut }, four);
  const kept = place({ ...wish, current, network: toleratingPlaced(cut, current) }, four);

  t.is('moves' in moved ? moved.moves.length : undefined, 1);
  t.is('moves' in kept ? kept.moves.length : undefined, 0);
  t.deepEqual(toleratingPlaced(cut, current.slice(1)), cut, 'a new one must reach those that are there');
});

test('only allowed regions are used, for arbiters too', (t) => {
  t.deepEqual(chosen(place({ ...wish, regions: ['s', 'n', 'w'] }, four)), ['voter n-a', 'voter s-a', 'voter w-a']);
  t.is(chosen(place({ ...wish, voters: 0, arbiters: 1, survive: 'host', regions: ['x'] }, four)), undefined);
});
