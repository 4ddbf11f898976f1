// Asynchronous clusters: the primary acknowledges alone, so it takes the word of those who let it, and not only of those
// who may have what was acknowledged, before another leads.
import test from 'ava';
import { applyFact } from '../state/apply-fact.ts';
import { type Cluster, memberOf } from '../state/clusters.ts';
import { after, carryOut, cluster, failedOver, first } from './cluster-for-tests.ts';
import { isEnough } from './elect.ts';
import { expectedFact } from './expected.ts';
import { readySteps } from './ready.ts';

type Durability = Cluster['spec']['durability'];

function async(kinds: Parameters<typeof cluster>[0], options: Partial<Durability> = {}): Cluster {
  const start = cluster(kinds);
  const durability = { mode: 'async', rpo_seconds: 5, ...options } as const;
  return carryOut({ ...start, spec: { ...start.spec, durability } }, first).end;
}

function ids(start: Cluster): string[] {
  return readySteps(start).map(({ id, blocked }) => (blocked === undefined ? id : `${id} waits`));
}

const two = async(['voter', 'voter', 'arbiter']);

test('the first rule names who grants the lease, and how old what is not confirmed may be', (t) => {
  t.like(two, { primary: 1, rule: { voters: [1, 2], acknowledgements: 1 } });
  t.deepEqual(two.rule?.lease, { grantors: [1, 2, 3], rpoSeconds: 5 });
});

test('nobody leads before so many grantors have promised that the old primary finds no majority', (t) => {
  t.false(isEnough(two, [2]), 'it has all that was confirmed, and the arbiter may let the old primary acknowledge');
  t.false(isEnough(two, [3]), 'an arbiter has no data');
  t.true(isEnough(two, [2, 3]));
  t.true(isEnough(two, [1]), 'it has shut its door, and has all that it acknowledged');
});

test('the arbiter is asked beside the voter, and never leads', (t) => {
  const start = failedOver(two, [1]);
  t.deepEqual(ids(start), ['promise/2/2', 'promise/3/2']);
  const { done, end } = carryOut(start, first);
  t.deepEqual(done, ['promise/2/2', 'promise/3/2', 'elect/2/2', 'promote/2/2.2']);
  t.like(end, { primary: 2, rule: { voters: [1, 2], acknowledgements: 1 } });
  t.deepEqual(end.rule?.lease?.grantors, [1, 2, 3]);
});

test('of three voters two others must promise, for one of them may grant on', (t) => {
  const three = async(['voter', 'voter', 'voter']);
  t.deepEqual(three.rule?.lease?.grantors, [1, 2, 3]);
  t.false(isEnough(three, [2]));
  t.true(isEnough(three, [2, 3]));
  t.deepEqual(ids(failedOver(three, [1, 3])), ['promise/2/2']);
});

test('with no voter left to confirm, writes go on without a bound where the tenant chose that', (t) => {
  const exposing = async(['voter', 'voter', 'arbiter'], { on_replica_loss: 'expose' });
  const seen = { epoch: 1, generation: 1, without: [2], reason: '' };
  t.deepEqual(
    ids(after(two, { kind: 'cluster.degraded', clusterId: 'c', ...seen })),
    [],
    'not unless it was asked for',
  );
  const degraded = after(exposing, { kind: 'cluster.degraded', clusterId: 'c', ...seen });
  t.deepEqual(ids(degraded), ['change_rule/1/1.2']);
  const changed = applyFact(degraded, expectedFact(readySteps(degraded)[0] as never, degraded));
  t.like(changed.rule, { voters: [1], acknowledgements: 0 });
  t.deepEqual(changed.rule?.lease?.grantors, [1, 2, 3], 'who lost its data stream may grant on');
  t.false(
    isEnough(
      carryOut(
        degraded,
        (ready) => ready[0] as never,
        () => undefined,
      ).end,
      [3],
    ),
    'nobody else has it',
  );
});

test('what an old primary holds too much may have been acknowledged, and is told and kept as that', (t) => {
  const { end } = carryOut(failedOver(two, [1]), first);
  const tail = { bytes: 100, transactions: 2, folder: 'tails/1' };
  const back = applyFact(end, { kind: 'rejoined', ordinal: 1, epoch: 2, method: 'rewound', tail });
  t.like(memberOf(back, 1)?.facts.tail, { ...tail, mayBeAcknowledged: true });
});

test('a new bound is a new rule', (t) => {
  const durability = { ...two.spec.durability, rpo_seconds: 30 };
  const start = { ...two, spec: { ...two.spec, durability } };
  const { done, end } = carryOut(start, first);
  t.is(done[0], 'change_rule/1/1.2');
  t.is(end.rule?.lease?.rpoSeconds, 30);
});

test('the lost data of an accepted loss are given up, and the lease is granted by those that are there', (t) => {
  const start = failedOver(two, [1], { acceptsDataLoss: true });
  const { end } = carryOut(start, first);
  t.is(end.primary, 2);
  t.true(memberOf(end, 1)?.facts.leftOutInEpoch !== undefined || end.rule?.voters.includes(1) === false);
  t.deepEqual(end.rule?.lease?.grantors, [2, 3]);
});
