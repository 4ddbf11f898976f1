import type { ObserveResponse, RegionReport } from '@argosy/proto';
import test from 'ava';
import { place } from '../placement/place.ts';
import { candidateSites, Observations } from './observations.ts';
import { WitnessBook } from './witnesses.ts';
import { GrpcFailure, World } from './world-for-tests.ts';

const SMALL = { name: 'small', vcpus: 1, memoryMib: 512 };

function report(region: string, costMilli: number, zone = `${region}-a`): ObserveResponse {
  const value: RegionReport = {
    ...{ region, provider: region, jurisdiction: 'EU', roundTrips: [], heatFailure: '' },
    zones: [{ name: zone, freeMembers: 3 }],
    flavors: [{ ...SMALL, costMilli }],
  };
  return { observation: { $case: 'region', value }, time: undefined };
}

/** Regions that tell what they are told to, each time they are listened to. */
function listening(world: World, answers: Readonly<Record<string, () => readonly ObserveResponse[]>>) {
  const returned: string[] = [];
  const observations = new Observations({
    federation: world.federation,
    regions: Object.entries(answers).map(([name, answer]) => ({
      name,
      async *observe() {
        yield* answer();
        throw new GrpcFailure(14, 'It went away.');
      },
    })),
    propose: async (entry) => world.commit(entry),
    returned: (region) => returned.push(region),
    book: new WitnessBook(0),
    clock: world.clock,
    log: () => undefined,
  });
  observations.start();
  return { observations, returned };
}

test('of regions that are alike otherwise, the one is chosen whose executor names the smaller cost', async (t) => {
  const world = new World();
  const { observations } = listening(world, { dear: () => [report('dear', 40)], fair: () => [report('fair', 20)] });
  await world.settle();
  observations.stop();

  const wish = { ...{ voters: 1, replicas: 0, survive: 'host', regions: [], residency: [] }, fixed: [], excluded: [] };
  const sites = candidateSites(world.federation.regions(), 'small');
  const placed = place({ ...wish, survive: 'host', flavor: 'small' }, sites);
  t.false('infeasible' in placed);
  t.like(placed, { sites: [{ region: 'fair' }], objective: { cost: 20 } });
});

test('a region is told to be back once for each time that it is heard again', async (t) => {
  const world = new World();
  let answers: ObserveResponse[] = [report('north', 0), report('north', 0, 'north-b')];
  const { observations, returned } = listening(world, { north: () => answers });
  await world.settle();
  t.deepEqual(returned, ['north']);

  answers = [];
  world.clock.advance();
  await world.settle();
  t.deepEqual(returned, ['north'], 'nothing was heard');

  answers = [report('north', 0)];
  world.clock.advance();
  await world.settle();
  observations.stop();
  t.deepEqual(returned, ['north', 'north']);
});

test('a region that is not heard for three seconds is shown as unreachable, with what it is known to have', async (t) => {
  const world = new World();
  let answers = [report('north', 0)];
  const { observations } = listening(world, { north: () => answers });
  await world.settle();
  answers = [];
  await world.until(() => world.federation.region('north')?.status === 'UNREACHABLE');
  observations.stop();

  t.is(world.clock.monotonicMs(), 3_000);
  t.like(world.federation.region('north'), { detail: 'It went away.', zones: [{ name: 'north-a' }] });
  t.like(candidateSites(world.federation.regions(), 'small'), [{ zone: 'north-a', isAway: true }]);
});

test('who is followed no more is heard no more, and what it measured is forgotten; who stays is asked anew', async (t) => {
  const world = new World();
  const asked: string[] = [];
  const { observations } = listening(world, {});
  const region = (name: string) => ({
    name,
    async *observe(signal: AbortSignal) {
      asked.push(name);
      const told = report(name, 0);
      if (told.observation?.$case === 'region') {
        told.observation.value.roundTrips = [{ region: 'other', reachable: false, microseconds: 0, detail: 'silence' }];
      }
      yield told;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  });
  observations.follow([region('north'), region('east')]);
  await world.settle();
  t.deepEqual(
    observations
      .network()
      .unreachable.map(([from, to]) => `${from} ${to}`)
      .sort(),
    ['east other', 'north other'],
  );

  observations.follow([region('north')]);
  await world.settle();
  observations.stop();

  t.deepEqual(asked, ['north', 'east', 'north']);
  t.deepEqual(observations.ways(), [
    { from: 'north', to: 'other', reachable: false, microseconds: 0, detail: 'silence' },
  ]);
});
