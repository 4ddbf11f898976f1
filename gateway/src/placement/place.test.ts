import test from 'ava';
import { type CandidateSite, type Placement, type PlacementRequest, place } from './place.ts';

const wish: PlacementRequest = {
  voters: 3,
  replicas: 0,
  survive: 'region',
  regions: [],
  residency: [],
  fixed: [],
  excluded: [],
};

function site(region: string, zone: string, more: Partial<CandidateSite> = {}): CandidateSite {
  return {
    region,
    zone: `${region}-${zone}`,
    provider: `provider-${region}`,
    jurisdiction: 'EU',
    freeMembers: 10,
    ...more,
  };
}

const sites = ['north', 'south', 'west'].flatMap((region) => ['a', 'b'].map((zone) => site(region, zone)));

function names(placement: Placement): string[] | string {
  return 'infeasible' in placement ? placement.infeasible : placement.sites.map(({ kind, zone }) => `${kind} ${zone}`);
}

test('three voters that survive a region go to three regions', (t) => {
  t.deepEqual(names(place(wish, sites)), ['voter north-a', 'voter south-a', 'voter west-a']);
});

test('the order in which sites are told does not matter', (t) => {
  t.deepEqual(place(wish, [...sites].reverse()), place(wish, sites));
});

test('five voters that survive a region are at most two in one', (t) => {
  const placement = place({ ...wish, voters: 5 }, sites);

  t.deepEqual(names(placement), ['voter north-a', 'voter north-b', 'voter south-a', 'voter south-b', 'voter west-a']);
});

test('two regions cannot survive the loss of one', (t) => {
  t.regex(
    String(names(place({ ...wish, regions: ['north', 'south'] }, sites))),
    /2 such domains within regions north, south/,
  );
});

test('two voters survive the loss of no region', (t) => {
  t.regex(String(names(place({ ...wish, voters: 2 }, sites))), /2 voters cannot survive the loss of a region/);
});

test('residency keeps data within its jurisdictions', (t) => {
  const abroad = sites.map((candidate) =>
    candidate.region === 'west' ? { ...candidate, jurisdiction: 'US' } : candidate,
  );

  t.regex(String(names(place({ ...wish, residency: ['EU'] }, abroad))), /jurisdictions EU/);
  t.deepEqual(names(place({ ...wish, residency: ['US'], voters: 1, survive: 'host' }, abroad)), ['voter west-a']);
});

test('a full site takes nobody, and the roomier one is preferred', (t) => {
  const uneven = [
    site('north', 'a', { freeMembers: 0 }),
    site('north', 'b', { freeMembers: 1 }),
    site('south', 'a', { freeMembers: 3 }),
    site('south', 'b', { freeMembers: 7 }),
    site('west', 'a'),
  ];

  t.deepEqual(names(place(wish, uneven)), ['voter north-b', 'voter south-b', 'voter west-a']);
});

test('a site that had no room is not tried again, and fixed members keep their domains', (t) => {
  const fixed = [
    { region: 'north', zone: 'north-a', kind: 'voter' },
    { region: 'south', zone: 'south-a', kind: 'voter' },
  ] as const;
  const request = { ...wish, voters: 1, fixed, excluded: [{ region: 'west', zone: 'west-a' }] };

  t.deepEqual(names(place(request, sites)), ['voter west-b']);
  t.true(
    'infeasible' in place({ ...request, excluded: [...request.excluded, { region: 'west', zone: 'west-b' }] }, sites),
  );
});

test('a provider that owns two regions counts as one when a provider must be survivable', (t) => {
  const shared = sites.map((candidate) => ({ ...candidate, provider: candidate.region === 'west' ? 'two' : 'one' }));

  t.true('infeasible' in place({ ...wish, survive: 'provider' }, shared));
});

test('a replica takes a site of its own', (t) => {
  t.deepEqual(names(place({ ...wish, replicas: 1 }, sites)), [
    'voter north-a',
    'voter south-a',
    'voter west-a',
    'replica north-b',
  ]);
});
