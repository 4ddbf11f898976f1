import { status } from '@grpc/grpc-js';
import test from 'ava';
import { hasEnded } from '../state/operations.ts';
import { GrpcFailure, sequence, threeVoters, World } from './world-for-tests.ts';

const STEPS_OF_A_CREATE = 11;
/** All but the election, which needs no region. */
const COMMANDS_OF_A_CREATE = 10;

function ended(world: World, id: string): () => boolean {
  return () => {
    const operation = world.federation.operation(id);
    return operation === undefined || hasEnded(operation);
  };
}

test('a create ends DONE with every step done once', async (t) => {
  const world = new World();
  world.elect();
  world.create(threeVoters);
  await world.until(ended(world, 'create'));

  const operation = world.federation.operation('create');
  t.is(operation?.status, 'DONE');
  t.is(operation?.steps.length, STEPS_OF_A_CREATE);
  t.true(operation?.steps.every((step) => step.status === 'DONE' && step.attempts === 1));
  t.deepEqual([...world.stacks].sort(), ['c-1', 'c-2', 'c-3']);
});

test('a delete leaves nothing, not even the record', async (t) => {
  const world = new World();
  world.elect();
  world.create(threeVoters);
  await world.until(ended(world, 'create'));
  world.remove();
  await world.until(ended(world, 'delete'));

  t.is(world.federation.operation('delete')?.status, 'DONE');
  t.is(world.cluster, undefined);
  t.deepEqual([...world.stacks], []);
});

test('a leader that dies after any command is followed by one that ends the create, with nothing twice', async (t) => {
  for (let killAfter = 0; killAfter < COMMANDS_OF_A_CREATE; killAfter += 1) {
    const world = new World(killAfter + 1);
    world.fault = () => {
      if (world.commands.length === killAfter) queueMicrotask(() => world.elect());
    };
    world.elect();
    world.create(threeVoters);
    await world.until(ended(world, 'create'));

    t.is(world.federation.operation('create')?.status, 'DONE', `killed after ${killAfter}`);
    t.is(world.cluster?.epoch, 1);
    t.deepEqual([...world.stacks].sort(), ['c-1', 'c-2', 'c-3']);
  }
});

test('a delete supersedes a create at any point and leaves nothing', async (t) => {
  for (let deleteAfter = 0; deleteAfter < COMMANDS_OF_A_CREATE; deleteAfter += 1) {
    const world = new World(deleteAfter + 1);
    let isDeleted = false;
    world.fault = () => {
      if (isDeleted || world.commands.length < deleteAfter) return;
      isDeleted = true;
      queueMicrotask(() => world.remove());
    };
    world.elect();
    world.create(threeVoters);
    await world.until(() => isDeleted && ended(world, 'delete')());

    t.is(world.federation.operation('create')?.status, 'CANCELLED');
    t.is(world.federation.operation('delete')?.status, 'DONE');
    t.deepEqual([...world.stacks], [], `deleted after ${deleteAfter}`);
  }
});

test('a step that failed for the absence of its region is tried as soon as the region is heard again', async (t) => {
  const world = new World();
  let isAway = true;
  world.fault = (_command, member) => {
    if (isAway && member === 'c-2') throw new GrpcFailure(status.UNAVAILABLE, 'South does not answer.');
  };
  world.elect();
  world.create(threeVoters);
  const attempts = (): number =>
    world.federation.operation('create')?.steps.find(({ id }) => id === 'ensure_member/2')?.attempts ?? 0;
  await world.until(() => attempts() === 4);
  await world.settle();
  isAway = false;
  const before = world.clock.monotonicMs();
  world.regionReturned('north');
  await world.settle();
  t.false(world.stacks.has('c-2'), 'another region that returns changes nothing');
  world.regionReturned('south');
  await world.settle();

  t.true(world.stacks.has('c-2'));
  t.is(world.clock.monotonicMs(), before);
});

test('a failure that may pass is tried again, later and later, and shown meanwhile', async (t) => {
  const world = new World();
  let failures = 0;
  world.fault = (command, member) => {
    if (command === 'seed' && member === 'c-2' && failures < 3) {
      failures += 1;
      throw new GrpcFailure(status.UNAVAILABLE, 'The agent does not answer.');
    }
  };
  world.elect();
  world.create(threeVoters);
  await world.until(() => failures === 2);
  await world.settle();

  const step = world.federation.operation('create')?.steps.find(({ id }) => id === 'seed/2');
  t.like(step, { status: 'PENDING', attempts: 2, error: 'The agent does not answer.', failureClass: 'retry' });
  t.is(Date.parse(step?.retryAt ?? '') - world.clock.now().getTime(), 2_000);
  await world.until(ended(world, 'create'));
  t.is(world.federation.operation('create')?.status, 'DONE');
});

test('a site without room is left, and the member is placed elsewhere under a new name', async (t) => {
  const world = new World();
  world.fault = (command, member) => {
    if (command === 'ensure' && member === 'c-2')
      throw new GrpcFailure(status.RESOURCE_EXHAUSTED, 'No valid host was found.');
  };
  world.elect();
  world.create(threeVoters);
  await world.until(ended(world, 'create'));

  t.is(world.federation.operation('create')?.status, 'DONE');
  t.deepEqual(
    world.cluster?.members.map(({ ordinal, zone }) => `${ordinal} ${zone}`),
    ['1 north-a', '3 west-a', '4 south-b'],
  );
  t.deepEqual(world.cluster?.rule?.voters, [1, 3, 4]);
  t.deepEqual([...world.stacks].sort(), ['c-1', 'c-3', 'c-4']);
});

test('when there is no room anywhere the create fails with the reason and leaves nothing', async (t) => {
  const world = new World();
  world.fault = (command, member) => {
    if (command === 'ensure' && member !== 'c-1' && member !== 'c-3')
      throw new GrpcFailure(status.RESOURCE_EXHAUSTED, 'No valid host was found.');
  };
  world.elect();
  world.create(threeVoters);
  await world.until(ended(world, 'create'));

  const operation = world.federation.operation('create');
  t.is(operation?.status, 'FAILED');
  t.regex(operation?.error ?? '', /^south\/south-b has no room, and elsewhere: /);
  t.deepEqual([...world.stacks], []);
  t.deepEqual(world.cluster?.members, []);
});

test('a failure that will not pass fails the create at once and leaves nothing', async (t) => {
  const world = new World();
  world.fault = (command) => {
    if (command === 'initialise')
      throw new GrpcFailure(status.FAILED_PRECONDITION, 'The volume belongs to another member.');
  };
  world.elect();
  world.create(threeVoters);
  await world.until(ended(world, 'create'));

  const operation = world.federation.operation('create');
  t.is(operation?.status, 'FAILED');
  t.is(operation?.error, 'The volume belongs to another member.');
  t.is(operation?.steps.find(({ id }) => id === 'initialise/1')?.status, 'FAILED');
  t.deepEqual([...world.stacks], []);
});

test('seeded worlds in which commands fail and leaders die end with all or with nothing', async (t) => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const world = new World(seed);
    const random = sequence(seed * 7_919);
    let troubles = 0;
    world.fault = (command) => {
      if (troubles > 12) return;
      const draw = random();
      if (draw < 0.15) troubles += 1;
      if (draw < 0.05) queueMicrotask(() => world.elect());
      else if (draw < 0.1) throw new GrpcFailure(status.UNAVAILABLE, 'The region does not answer.');
      else if (draw < 0.13 && command === 'ensure')
        throw new GrpcFailure(status.RESOURCE_EXHAUSTED, 'No valid host was found.');
      else if (draw < 0.14) throw new GrpcFailure(status.INVALID_ARGUMENT, 'Never.');
    };
    world.elect();
    world.create(threeVoters);
    await world.until(ended(world, 'create'));

    const wanted =
      world.federation.operation('create')?.status === 'DONE'
        ? (world.cluster?.members ?? []).map(({ ordinal }) => `c-${ordinal}`)
        : [];
    t.deepEqual([...world.stacks].sort(), wanted.sort(), `seed ${seed}`);
  }
});
