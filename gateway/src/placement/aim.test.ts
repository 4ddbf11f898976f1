import test from 'ava';
import { SAME_REGION_MICROSECONDS, UNKNOWN_MICROSECONDS } from './latency.ts';
import {
  type CandidateSite,
  type Network,
  type Placed,
  type PlacedMember,
  type PlacementRequest,
  place,
} from './place.ts';

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

function member(kind: PlacedMember['kind'], name: string): PlacedMember {
  return { kind, region: name.split('-')[0] ?? '', zone: name };
}

function network(...trips: (readonly [string, string, number])[]): Network {
  return {
    roundTrips: trips.map(([one, other, microseconds]) => ({ between: [one, other], microseconds })),
    unreachable: [],
  };
}

function placed(request: PlacementRequest, sites: readonly CandidateSite[]): Placed {
  const placement = place(request, sites);
  if ('infeasible' in placement) throw new Error(placement.infeasible);
  return placement;
}

const names = ({ sites }: Placed): string[] => sites.map(({ kind, zone }) => `${kind} ${zone}`);
const four = ['e-a', 'n-a', 's-a', 'w-a'].map((name) => site(name));

test('members stay where they are, though elsewhere would be faster, cheaper and roomier', (t) => {
  const sites = [site('e-a', { cost: 9, freeMembers: 0 }), ...four.slice(1)];
  const current = [member('voter', 'e-a')];
  const answer = placed({ ...wish, current, network: network(['n', 's', 1]) }, sites);

  t.true(names(answer).includes('voter e-a'));
  t.deepEqual(answer.moves, []);
});

test('a voter stays rather than any number of replicas, and a replica rather than arbiters', (t) => {
  const crowd = site('n-a', { freeMembers: 0 });
  const request = { ...wish, voters: 1, replicas: 1, survive: 'host' } as const;
  const current = [member('voter', 'n-a'), member('replica', 'n-a')];
  const answer = placed({ ...request, survive: 'zone', voters: 0, replicas: 1, arbiters: 0, current }, [crowd]);

  t.deepEqual(names(answer), ['replica n-a']);
  const shared = placed({ ...request, voters: 3, survive: 'zone', current }, [crowd, ...four]);
  t.deepEqual(
    shared.moves.map(({ kind }) => kind),
    ['replica'],
  );
});

test('a move tells from where to where, and a member that is no longer wished is none', (t) => {
  const current = ['e-a', 'n-a', 's-a', 'w-a'].map((name) => member('voter', name));
  const excluded = [{ region: 'e', zone: 'e-a' }];
  const answer = placed({ ...wish, voters: 4, current, excluded }, [...four, site('x-a')]);

  t.deepEqual(answer.moves, [{ kind: 'voter', from: { region: 'e', zone: 'e-a' }, to: { region: 'x', zone: 'x-a' } }]);
  t.deepEqual(answer.objective.moves, { voters: 1, replicas: 0, arbiters: 0 });
  t.deepEqual(placed({ ...wish, current, excluded }, four).moves, []);
});

test('of two members that can no longer reach each other one moves, wherever the primary is', (t) => {
  const sites = ['n', 's', 'w', 'x', 'y', 'z'].map((region) => site(`${region}-a`));
  const voters = ['n-a', 's-a', 'w-a'].map((name) => member('voter', name));
  const current = [...voters, member('replica', 'x-a'), member('replica', 'y-a')];
  const cut = { roundTrips: [], unreachable: [['x', 'y']] } as const;
  const answer = placed({ ...wish, replicas: 2, current, network: cut }, sites);

  t.deepEqual(answer.moves, [
    { kind: 'replica', from: { region: 'y', zone: 'y-a' }, to: { region: 'z', zone: 'z-a' } },
  ]);
});

test('a full site keeps the member that is there', (t) => {
  const full = four.map((candidate) => ({ ...candidate, freeMembers: 0 }));
  const current = ['n-a', 's-a', 'w-a'].map((name) => member('voter', name));

  t.deepEqual(names(placed({ ...wish, current }, full)), ['voter n-a', 'voter s-a', 'voter w-a']);
  t.true('infeasible' in place(wish, full));
});

test('the nearest pair of regions is chosen, and the preferred primary is in it', (t) => {
  const trips = network(['e', 'n', 9_000], ['n', 's', 8_000], ['s', 'w', 7_000], ['e', 'w', 9_500]);
  const answer = placed({ ...wish, network: trips }, four);

  t.deepEqual(answer.primary, { region: 's', zone: 's-a' });
  t.is(answer.objective.latencyMicroseconds, 7_000);
});

test('with five voters the second nearest counts, and a fixed voter may be the primary', (t) => {
  const sites = [...four, site('x-a')];
  const trips = network(['w', 'e', 10], ['w', 'n', 20], ['w', 's', 30]);
  const answer = placed({ ...wish, voters: 4, fixed: [member('voter', 'w-a')], network: trips }, sites);

  t.deepEqual(answer.primary, { region: 'w', zone: 'w-a' });
  t.is(answer.objective.latencyMicroseconds, 20);
});

test('the least latency is found among many that a provider rules out', (t) => {
  const shared = ['n', 'e', 'x', 'y', 'v', 'o'].map((region) => site(`${region}-a`, { provider: 'p', cost: 1 }));
  const others = ['w', 'z', 'u'].map((region) => site(`${region}-a`, { cost: 1 }));
  const near = Object.entries({ e: 10, x: 11, y: 12, v: 13, o: 14, s: 16, w: 18 });
  const trips = network(...near.map(([region, microseconds]) => ['n', region, microseconds] as const));
  const request = { ...wish, voters: 5, survive: 'provider', network: trips } as const;
  const answer = placed(request, [...shared, ...others, site('s-a', { cost: 9 })]);

  t.is(answer.objective.latencyMicroseconds, 16);
  t.deepEqual(answer.primary, { region: 'n', zone: 'n-a' });
});

test('a near pair that cannot be chosen does not hide one that can', (t) => {
  const shared = ['e', 'n'].map((region) => site(`${region}-a`, { provider: 'p' }));
  const apart = [site('s-a', { cost: 9 }), site('w-a', { cost: 9 }), site('u-a'), site('c-a')];
  const trips = network(['e', 'n', 10], ['s', 'w', 12]);
  const answer = placed({ ...wish, survive: 'provider', network: trips }, [...shared, ...apart]);

  t.is(answer.objective.latencyMicroseconds, 12);
});

test('what was not measured is far, a region is near itself, and a pair told twice is the slower', (t) => {
  const one = placed({ ...wish, survive: 'zone' }, [site('n-a'), site('n-b'), site('s-a')]);
  const twice = network(['n', 'e', 10], ['e', 'n', 70], ['n', 's', 50]);

  t.is(one.objective.latencyMicroseconds, SAME_REGION_MICROSECONDS);
  t.is(placed(wish, four).objective.latencyMicroseconds, UNKNOWN_MICROSECONDS);
  t.is(placed({ ...wish, network: twice }, four).objective.latencyMicroseconds, 50);
  const reversed = { ...twice, roundTrips: [...twice.roundTrips].reverse() };
  t.is(placed({ ...wish, network: reversed }, four).objective.latencyMicroseconds, 50);
});

test('a link between regions may be quicker than what is assumed within one', (t) => {
  const sites = [site('n-a'), site('n-b'), site('s-a')];
  const answer = placed({ ...wish, survive: 'zone', network: network(['n', 's', 100]) }, sites);

  t.is(answer.objective.latencyMicroseconds, 100);
});

test('latency comes before cost, and cost before balance', (t) => {
  const sites = [
    site('e-a', { cost: 5 }),
    site('n-a', { cost: 5 }),
    site('s-a', { cost: 1 }),
    site('w-a', { cost: 2 }),
  ];
  const trips = network(['e', 'n', 10]);

  t.deepEqual(names(placed({ ...wish, network: trips }, sites)), ['voter e-a', 'voter n-a', 'voter s-a']);
  t.deepEqual(names(placed(wish, sites)), ['voter e-a', 'voter s-a', 'voter w-a']);
  t.is(placed(wish, sites).objective.cost, 8);
  const cheapPair = [site('n-a', { cost: 1 }), site('n-b', { cost: 1 }), site('s-a', { cost: 2 })];
  t.deepEqual(names(placed({ ...wish, voters: 1, replicas: 1, survive: 'host' }, cheapPair)).length, 2);
});

test('equals spread over regions, then providers, then zones, then go where there is room', (t) => {
  const request = { ...wish, voters: 1, replicas: 1, survive: 'host' } as const;
  const zones = [site('n-a', { freeMembers: 90 }), site('n-b')];
  const many = { ...request, replicas: 3 };
  const wide = [...zones, site('n-c'), site('s-a')];

  t.deepEqual(names(placed(request, [...zones, site('s-a')])), ['voter n-a', 'replica s-a']);
  t.deepEqual(names(placed(request, zones)), ['voter n-a', 'replica n-b']);
  t.deepEqual(names(placed(many, wide)), ['voter n-a', 'replica n-b', 'replica s-a', 'replica s-a']);
  t.deepEqual(
    names(placed({ ...request, replicas: 0 }, [site('n-b'), ...four.slice(0, 1), site('w-b', { freeMembers: 11 })])),
    ['voter w-b'],
  );
});

test('members spread over providers too when the loss of one must be survived', (t) => {
  const providers = { a: 'p', b: 'p', c: 'q', d: 'r' } as const;
  const sites = Object.entries(providers).map(([region, provider]) => site(`${region}-a`, { provider }));
  const answer = placed({ ...wish, replicas: 0, voters: 3, survive: 'provider' }, sites);

  t.deepEqual(names(answer), ['voter a-a', 'voter c-a', 'voter d-a']);
  t.true('infeasible' in place({ ...wish, survive: 'provider' }, sites.slice(0, 3)));
});

test('the answer is the same in whatever order sites, members and measurements are told', (t) => {
  const sites = ['e', 'n', 's', 'w'].flatMap((region) => ['a', 'b'].map((zone) => site(`${region}-${zone}`)));
  const trips = network(['e', 'n', 5], ['n', 's', 5], ['s', 'w', 5], ['e', 'w', 5], ['n', 'e', 6]);
  const current = [member('voter', 'w-b'), member('replica', 'n-b')];
  const request = { ...wish, replicas: 2, current, network: trips, excluded: [{ region: 'e', zone: 'e-a' }] };
  const reversed = {
    ...request,
    current: [...current].reverse(),
    network: { ...trips, roundTrips: [...trips.roundTrips].reverse() },
  };

  t.deepEqual(place(reversed, [...sites].reverse()), place(request, sites));
});

test('a site that is told twice counts once', (t) => {
  const twice = [site('n-a', { freeMembers: 2 }), site('n-a', { freeMembers: 1 })];

  t.true('infeasible' in place({ ...wish, voters: 2, survive: 'host' }, twice));
});
