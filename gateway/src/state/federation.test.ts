import test from 'ava';
import { threeVoters, World } from '../conductor/world-for-tests.ts';
import { decodeEntry, type Entry, encodeEntry } from './entries.ts';
import { Federation } from './federation.ts';

function created(name: string, clusterId = name): Entry {
  return {
    at: '2026-01-01T00:00:00.000Z',
    kind: 'cluster.created',
    clusterId,
    operationId: `create-${clusterId}`,
    operationKind: 'cluster.create',
    name,
    projectId: 'p',
    spec: {
      datastore: { type: 'postgresql', version: '15' },
      flavor: 'small',
      volume: { size: 1 },
      topology: { voters: 3, replicas: 0, arbiters: 0 },
      placement: { survive: 'region', regions: [], residency: [] },
      durability: { mode: 'quorum' },
    },
    members: threeVoters,
    admin: { name: 'admin', database: 'admin', verifier: 'v', generation: 1 },
    requestId: 'req-1',
    steps: [{ id: 'ensure_member/1', kind: 'ensure_member', ordinal: 1, region: 'north' }],
  };
}

test('a name is taken once in a project, whoever asked first', (t) => {
  const federation = new Federation();
  federation.apply(created('orders', 'a'));
  const second = federation.apply(created('orders', 'b'));

  t.is(second.refused?.code, 'cluster.name_taken');
  t.is(federation.clusters().length, 1);
});

test('a snapshot restores the same state, to the byte', async (t) => {
  const world = new World();
  world.elect();
  world.create(threeVoters);
  await world.until(() => world.federation.operation('create')?.status === 'DONE');
  const copy = new Federation();
  copy.restore(world.federation.snapshot());

  t.deepEqual(Buffer.from(copy.snapshot()), Buffer.from(world.federation.snapshot()));
  t.is(copy.findCluster('p', 'orders')?.id, 'c');
});

test('two peers that apply the same entries hold the same', (t) => {
  const [one, two] = [new Federation(), new Federation()];
  const entries: Entry[] = [
    created('orders'),
    created('orders', 'other'),
    {
      at: '2026-01-01T00:00:01.000Z',
      kind: 'step.started',
      operationId: 'create-orders',
      step: { id: 'ensure_member/1', kind: 'ensure_member', ordinal: 1 },
    },
    {
      at: '2026-01-01T00:00:02.000Z',
      kind: 'cluster.unwanted',
      clusterId: 'orders',
      operationId: 'd',
      operationKind: 'cluster.delete',
      requestId: 'r',
      steps: [],
    },
  ];
  for (const entry of entries) one.apply(entry);
  for (const entry of entries) two.apply(decodeEntry(encodeEntry(entry)));

  t.deepEqual(Buffer.from(one.snapshot()), Buffer.from(two.snapshot()));
});

test('an entry of an unknown kind stops the peer that cannot apply it', (t) => {
  t.throws(() => new Federation().apply({ at: '', kind: 'cluster.painted' } as never), {
    message: /unknown kind of entry/,
  });
});

test('what a superseded operation still finds out is kept, so that nothing is left behind', (t) => {
  const federation = new Federation();
  federation.apply(created('orders'));
  federation.apply({
    at: '',
    kind: 'cluster.unwanted',
    clusterId: 'orders',
    operationId: 'd',
    operationKind: 'cluster.delete',
    requestId: 'r',
    steps: [],
  });
  const placed = {
    kind: 'placed',
    ordinal: 1,
    address: '127.1.0.10',
    port: 5432,
    serverName: 'm',
    stackId: 's',
    flavor: 'small',
    volumeGib: 1,
  } as const;
  federation.apply({
    at: '',
    kind: 'step.finished',
    operationId: 'create-orders',
    stepId: 'ensure_member/1',
    facts: [placed],
  });

  t.is(federation.cluster('orders')?.members[0]?.facts.address, '127.1.0.10');
  t.is(federation.operation('create-orders')?.status, 'CANCELLED');
});

test("a second delete is refused with the first one's id", (t) => {
  const federation = new Federation();
  federation.apply(created('orders'));
  const unwanted = {
    at: '',
    kind: 'cluster.unwanted',
    clusterId: 'orders',
    operationKind: 'cluster.delete',
    requestId: 'r',
    steps: [],
  } as const;
  federation.apply({ ...unwanted, operationId: 'first' });

  t.regex(federation.apply({ ...unwanted, operationId: 'second' }).refused?.message ?? '', /operation first/);
});
