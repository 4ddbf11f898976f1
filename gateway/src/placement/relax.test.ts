import test from 'ava';
import { type CandidateSite, type Infeasible, type PlacementRequest, place } from './place.ts';

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
  return { region, zone: name, provider: `of ${region}`, jurisdiction: 'EU', freeMembers: 1, ...more };
}

function refused(request: PlacementRequest, sites: readonly CandidateSite[]): Infeasible {
  const placement = place(request, sites);
  if (!('infeasible' in placement)) throw new Error('It fits.');
  return placement;
}

function sentences(request: PlacementRequest, sites: readonly CandidateSite[]): string[] {
  const { relaxations } = refused(request, sites);
  for (const { change } of relaxations) {
    if ('infeasible' in place({ ...request, ...change }, sites))
      throw new Error(`${JSON.stringify(change)} does not fit.`);
  }
  return relaxations.map(({ sentence }) => sentence);
}

const three = ['e-a', 'n-a', 's-a'].map((name) => site(name));

test('the highest lower level of survival that fits is told', (t) => {
  const sites = ['n-a', 'n-b', 'n-c'].map((name) => site(name));

  t.deepEqual(sentences({ ...wish, survive: 'provider' }, sites), ['It fits with survive: zone.']);
});

test('one more region is told before all regions, the first by name', (t) => {
  const sites = [site('w-a'), ...three];

  t.true(sentences({ ...wish, regions: ['e', 'n'] }, sites).includes('It fits with the region s allowed too.'));
  t.deepEqual(sentences({ ...wish, regions: ['e'] }, sites), ['It fits with every region allowed.']);
});

test('one more jurisdiction is told', (t) => {
  const sites = [...three.slice(1), site('x-a', { jurisdiction: 'US' })];

  t.deepEqual(sentences({ ...wish, residency: ['EU'] }, sites), [
    'It fits with data in the jurisdiction US allowed too.',
  ]);
});

test('fewer members are told, as few fewer as will do', (t) => {
  t.deepEqual(sentences({ ...wish, replicas: 3 }, [...three, site('e-b')]), ['It fits with 2 fewer replicas.']);
  t.deepEqual(sentences({ ...wish, voters: 5, survive: 'zone' }, three), ['It fits with 2 fewer voters.']);
});

test('an arbiter in the place of a voter is told where data may not go', (t) => {
  const sites = [...three.slice(1), site('x-a', { jurisdiction: 'US' })];
  const told = sentences({ ...wish, onLoss: 'degrade', residency: ['EU'] }, sites);

  t.true(told.includes('It fits with an arbiter in the place of a voter.'));
});

test('another flavor is told', (t) => {
  const sites = three.map((candidate) => ({ ...candidate, flavors: ['small'] }));

  t.deepEqual(sentences({ ...wish, flavor: 'large' }, sites), ['It fits with the flavor small.']);
});

test('two changes are told only when no single one is enough', (t) => {
  const sites = [site('x-a', { jurisdiction: 'US', flavors: ['small'] })];
  const { relaxations } = refused({ ...wish, voters: 1, survive: 'host', residency: ['EU'], flavor: 'large' }, sites);

  t.deepEqual(relaxations, [
    {
      change: { residency: ['EU', 'US'], flavor: 'small' },
      sentence: 'It fits with data in the jurisdiction US allowed too and the flavor small.',
    },
  ]);
});

test('where nothing is enough, nothing is told', (t) => {
  t.deepEqual(refused(wish, []).relaxations, []);
});

test('the sentence names what does not fit', (t) => {
  const sites = [site('e-a', { freeMembers: 0 }), site('n-a', { flavors: ['small'] }), ...three.slice(2)];

  t.is(
    refused({ ...wish, flavor: 'large' }, sites).infeasible,
    '3 voters and 0 replicas that survive the loss of a region, with at most 1 of the voters in one, do not fit: there is one site with room in 1 such domains (not counting 1 without the flavor, 1 full).',
  );
  t.is(
    refused({ ...wish, network: { roundTrips: [], unreachable: [['e', 'n']] } }, three).infeasible,
    '3 voters and 0 replicas that survive the loss of a region do not fit in regions that all reach each other: e and n cannot reach each other.',
  );
  t.is(
    refused({ ...wish, voters: 2, arbiters: 1 }, three).infeasible,
    '2 voters and one arbiter cannot survive the loss of a region: that takes three or more voters, since an arbiter holds no data.',
  );
  t.regex(refused({ ...wish, voters: 5, acknowledgements: 4 }, three).infeasible, /with 4 acknowledgements, the rest/);
});

test('reasons tell of survival, latency, cost and moves', (t) => {
  const placement = place(
    {
      ...wish,
      current: [{ kind: 'voter', region: 'x', zone: 'x-a' }],
      network: { roundTrips: [{ between: ['e', 'n'], microseconds: 12_340 }], unreachable: [] },
    },
    three.map((candidate) => ({ ...candidate, cost: 2 })),
  );

  t.deepEqual('reasons' in placement && placement.reasons, [
    'Voters in e/e-a, n/n-a, s/s-a: the loss of any one region leaves at least 2 of 3 voters, enough to elect a primary and to acknowledge writes.',
    'Write latency 12.3 ms with the primary in e/e-a: a write waits for the nearest other voter.',
    'Cost of the members placed: 6.',
    'A voter moves from x/x-a to e/e-a.',
  ]);
});

test('a region that does not answer now is told to be waited for, before anything is given up', (t) => {
  const away = [site('s-a', { isAway: true }), site('w-a', { isAway: true })];

  t.deepEqual(sentences(wish, [...three.slice(0, 2), ...away.slice(0, 1)]), [
    'It fits with s back (a region that does not answer now: try again later).',
  ]);
  t.is(
    sentences({ ...wish, voters: 5, survive: 'zone' }, [...three, ...away.slice(1), site('s-b', { isAway: true })])[0],
    'It fits with s and w back (regions that do not answer now: try again later).',
  );
  t.regex(refused(wish, [site('e-a'), ...away]).infeasible, /not counting 2 in regions that do not answer now/);
});

test('a member in a region that does not answer now may stay, and nobody joins it', (t) => {
  const sites = [...three.slice(0, 2), site('s-a', { isAway: true, freeMembers: 5 }), site('w-a')];
  const current = ['e-a', 'n-a', 's-a'].map((name) => ({ ...site(name), kind: 'voter' as const }));

  t.like(place({ ...wish, current }, sites), { moves: [] });
  t.like(place({ ...wish, voters: 4, survive: 'host', current }, sites), { moves: [] });
  t.regex(refused({ ...wish, replicas: 2, current }, sites).infeasible, /do not fit/);
});
