import test from 'ava';
import { combine, isolate, type NetworkPlaces, OUTSIDE, UnknownPlaceError } from './faults.ts';

const places: NetworkPlaces = {
  regions: [
    { name: 'north', gateway: 'gateway-1' },
    { name: 'south', gateway: 'gateway-2' },
    { name: 'west', gateway: 'gateway-3' },
  ],
};

const ways = (faults: readonly { from: string; to: string }[]): string[] =>
  faults.map(({ from, to }) => `${from} > ${to}`).sort();

test('a region that only the gateway cannot see is parted from every peer, its own too, and from no region', (t) => {
  t.deepEqual(ways(isolate(places, { region: 'north', from: 'gateways' })), [
    'gateway-1 > north',
    'gateway-2 > north',
    'gateway-3 > north',
    'north > gateway-1',
    'north > gateway-2',
    'north > gateway-3',
  ]);
});

test('a region that only the other regions cannot see can be parted one way', (t) => {
  const outgoing = isolate(places, { region: 'north', from: 'regions', direction: 'outgoing' });
  const incoming = isolate(places, { region: 'north', from: 'regions', direction: 'incoming' });

  t.deepEqual(ways(outgoing), ['north > south', 'north > west']);
  t.deepEqual(ways(incoming), ['south > north', 'west > north']);
});

test('a whole site is parted from everything, and its own gateway peer still reaches it', (t) => {
  const found = ways(isolate(places, { region: 'west', from: 'everything' }));

  t.is(found.length, 2 * 2 * 5);
  t.true(found.includes(`gateway-3 > ${OUTSIDE}`));
  t.false(found.some((way) => way === 'west > gateway-3' || way === 'gateway-3 > west'));
});

test('where two faults meet, a cut is more than a delay, and of delays the longest counts', (t) => {
  const way = { from: 'north', to: 'south' } as const;
  const slow = (delayMs: number) => ({ ...way, effect: 'slow', delayMs }) as const;

  t.deepEqual(combine(places, [slow(10), slow(30), slow(20)]), [slow(30)]);
  t.deepEqual(combine(places, [slow(10), { ...way, effect: 'cut' }, slow(20)]), [{ ...way, effect: 'cut' }]);
});

test('a place that there is not is named', (t) => {
  t.throws(() => isolate(places, { region: 'east', from: 'regions' }), { instanceOf: UnknownPlaceError });
  t.throws(() => combine(places, [{ from: 'north', to: 'gateway-4', effect: 'cut' }]), {
    instanceOf: UnknownPlaceError,
    message: /gateway-4/,
  });
});
