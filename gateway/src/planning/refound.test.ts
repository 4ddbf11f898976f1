import test from 'ava';
import { applyFact } from '../state/apply-fact.ts';
import type { Cluster, MemberFacts } from '../state/clusters.ts';
import { withWish } from '../state/wishes.ts';
import { plan } from './cluster.ts';
import { after, carryOut, cluster, first, last, wanted } from './cluster-for-tests.ts';
import { readySteps } from './ready.ts';
import { chooseFounder } from './refound.ts';

const GALERA = { datastore: { type: 'mariadb', version: '10.11' }, durability: { mode: 'engine' } } as const;
const HISTORY = '97c8ae2e-eb36-11f1-9aa3-827d77c55cf7';
const OTHER_HISTORY = 'a86a32ed-eb36-11f1-a1d7-b20f455db579';

function made(voters: number, wish: object = GALERA, arbiters = 0): Cluster {
  const kinds = [...Array(voters).fill('voter'), ...Array(arbiters).fill('arbiter')];
  const wished = cluster(kinds);
  return carryOut({ ...wished, spec: { ...wished.spec, ...wish } }, first).end;
}

function withFacts(state: Cluster, ordinal: number, facts: MemberFacts): Cluster {
  const members = state.members.map((member) =>
    member.ordinal === ordinal ? { ...member, facts: { ...member.facts, ...facts } } : member,
  );
  return { ...state, members };
}

const down = (state: Cluster, ordinals: readonly number[]): Cluster =>
  ordinals.reduce((now, ordinal) => withFacts(now, ordinal, { isUp: false }), state);

/** All were lost, and the new epoch is being asked for. */
function lost(): Cluster {
  return applyFact(down(made(3), [1, 2, 3]), { kind: 'raised', ordinal: 1, epoch: 2 });
}

function promised(state: Cluster, ordinal: number, value: string | undefined, epoch = 2): Cluster {
  const position = value === undefined ? { epoch: 0, value: '' } : { epoch: 1, value };
  return applyFact(state, { kind: 'promised', ordinal, promise: { epoch, position } });
}

const ids = (state: Cluster): string[] => readySteps(state).map(({ id }) => id);
const missing = (state: Cluster): string => {
  const choice = chooseFounder(state);
  return 'missing' in choice ? choice.missing : '';
};

test('when nobody has a majority and all can be asked, the one that has the most begins and the others join it', (t) => {
  for (const choose of [first, last]) {
    const { done, end } = carryOut(down(made(3), [1, 2, 3]), choose);
    t.deepEqual(
      done.filter((id) => !id.startsWith('promise')),
      ['raise_epoch/1', 'refound/1/2', 'join/2', 'join/3'],
    );
    t.is(end.epoch, 2);
    t.deepEqual(
      end.members.map(({ facts }) => facts.epoch),
      [2, 2, 2],
    );
    t.is(end.candidate, undefined);
  }
  const all = [10, 12, 11].reduce((state, number, index) => promised(state, index + 1, `${HISTORY}:${number}`), lost());
  t.deepEqual(ids(all), ['refound/2/2']);
  const begun = readySteps(applyFact(all, { kind: 'returned', ordinal: 2, epoch: 2 }));
  t.deepEqual(
    begun.map(({ id, blocked }) => [id, blocked]),
    [['join/1', undefined]],
    'the others do not count yet',
  );
});

test('numbers are compared as numbers, and of two that are as far the earlier begins', (t) => {
  const told = ['9', '10', '10'].reduce((state, number, at) => promised(state, at + 1, `${HISTORY}:${number}`), lost());
  t.deepEqual(ids(told), ['refound/2/2']);
});

test('nobody is asked while one member is up, or cannot be asked', (t) => {
  t.deepEqual(ids(down(made(3), [1, 2])), []);
  t.deepEqual(ids(withFacts(down(made(3), [1, 2, 3]), 3, { isAway: true })), []);
  t.deepEqual(ids(withFacts(down(made(3), [1, 2, 3]), 3, { isResting: true })), []);
  const [third] = made(3).members.slice(2);
  const { isUp: _unknown, ...facts } = third?.facts ?? {};
  const state = down(made(3), [1, 2]);
  const members = state.members.map((member) => (member.ordinal === 3 ? { ...member, facts } : member));
  t.deepEqual(ids({ ...state, members }), [], 'what is not known is not down');
});

test('nobody begins before every member has promised', (t) => {
  const two = promised(promised(lost(), 1, `${HISTORY}:12`), 2, `${HISTORY}:10`);
  t.deepEqual(ids(two), ['promise/3/2']);
  t.regex(missing(two), /member 3 \(west\) did not/);
  const [step] = readySteps(withFacts(two, 3, { isAway: true }));
  t.is(step?.kind, 'refound');
  t.regex(step?.blocked ?? '', /member 3 \(west\) did not/);
});

test('a promise of an older epoch is none', (t) => {
  const two = promised(promised(lost(), 1, `${HISTORY}:12`), 2, `${HISTORY}:10`);
  const old = withFacts(two, 3, { promise: { epoch: 1, position: { epoch: 1, value: `${HISTORY}:14` } } });
  t.regex(missing(old), /member 3 \(west\) did not/);
});

test('a member that is wished no more is waited for too, until it was dismissed', (t) => {
  const shrunk = withWish(made(3), [wanted(1), wanted(2)]);
  const begun = applyFact(down(shrunk, [1, 2, 3]), { kind: 'raised', ordinal: 1, epoch: 2 });
  const two = promised(promised(begun, 1, `${HISTORY}:12`), 2, `${HISTORY}:10`);
  t.regex(missing(two), /member 3 \(west\) did not/);
  t.deepEqual(chooseFounder(applyFact(two, { kind: 'dismissed', ordinal: 3 })), { founder: two.members[0] });
});

test('one that was asked to join is waited for, though nobody heard whether it was taken in, and may hold nothing', (t) => {
  const grown = withWish(
    made(3),
    [1, 2, 3, 4].map((ordinal) => wanted(ordinal)),
  );
  const place = { address: 'a', port: 1, serverName: '', stackId: '', flavor: 'small', volumeGib: 1 };
  const begun = applyFact(down(applyFact(grown, { kind: 'placed', ordinal: 4, ...place }), [1, 2, 3]), {
    ...({ kind: 'raised', ordinal: 1, epoch: 2 } as const),
  });
  const three = [12, 10, 11].reduce(
    (state, number, index) => promised(state, index + 1, `${HISTORY}:${number}`),
    begun,
  );
  t.deepEqual(ids(three), ['promise/4/2']);
  t.deepEqual(ids(promised(three, 4, undefined)), ['refound/1/2']);
  t.deepEqual(ids(promised(three, 4, `${HISTORY}:13`)), ['refound/4/2']);
});

test('nobody begins when it is not known what a member held', (t) => {
  const two = promised(promised(lost(), 1, `${HISTORY}:12`), 2, `${HISTORY}:10`);
  t.regex(missing(promised(two, 3, undefined)), /not known what member 3 \(west\) held/);
  t.truthy(readySteps(promised(two, 3, undefined))[0]?.blocked);
});

test('nobody begins when two members have data of two histories', (t) => {
  const two = promised(promised(lost(), 1, `${HISTORY}:12`), 2, `${HISTORY}:10`);
  t.regex(missing(promised(two, 3, `${OTHER_HISTORY}:99`)), /not of one history/);
});

/** Two members with data and an arbiter, all lost, of which those promised with a number each. */
function arbitrated(numbers: readonly (number | undefined)[], away: readonly number[] = []): Cluster {
  const begun = applyFact(down(made(2, GALERA, 1), [1, 2, 3]), { kind: 'raised', ordinal: 1, epoch: 2 });
  const left = away.reduce((state, ordinal) => withFacts(state, ordinal, { isAway: true }), begun);
  return numbers.reduce<Cluster>(
    (state, number, at) => (number === undefined ? state : promised(state, at + 1, `${HISTORY}:${number}`)),
    left,
  );
}

test('an arbiter holds nothing: it is neither asked nor waited for, and never begins', (t) => {
  t.deepEqual(carryOut(down(made(2, GALERA, 1), [1, 2, 3]), first).done, [
    ...['raise_epoch/1', 'promise/1/2', 'promise/2/2'],
    ...['refound/1/2', 'join/2', 'join/3'],
  ]);
  for (const away of [[], [3]]) t.deepEqual(ids(arbitrated([10, 12], away)), ['refound/2/2'], `away: ${away}`);
  const lostWithArbiter = withFacts(down(made(2, GALERA, 1), [1, 2, 3]), 3, { isAway: true });
  t.deepEqual(ids(lostWithArbiter), ['raise_epoch/1']);
});

test('an arbiter may have kept a majority with one that died since: every member with data is waited for', (t) => {
  // Member 1 died, 2 went on with the arbiter, and died as well. What it acknowledged then has nobody but it.
  const alone = arbitrated([10, undefined], [2]);
  t.regex(missing(alone), /member 2 \(south\) did not/);
  t.notRegex(missing(alone), /west/);
  t.truthy(readySteps(alone)[0]?.blocked);
  const retired = withWish(alone, [wanted(1), wanted(3, 'arbiter')]);
  t.regex(missing(retired), /member 2 \(south\) did not/, 'also when it is wished no more');
  const both = arbitrated([10, undefined]);
  t.deepEqual(ids(both), ['promise/2/2']);
});

test('while an arbiter is up a member vouches for it: nothing is lost', (t) => {
  t.deepEqual(ids(down(made(2, GALERA, 1), [1, 2])), []);
});

test('an arbiter that was away joins a cluster that was begun anew without it', (t) => {
  const begun = carryOut(arbitrated([10, 12], [3]), first).end;
  t.is(begun.members[2]?.facts.epoch, 1);
  const { done, end } = carryOut(withFacts(begun, 3, { isAway: false }), first);
  t.deepEqual(done, ['join/3']);
  t.is(end.members[2]?.facts.epoch, 2);
});

test('one that serves promises nothing: it goes on in the new epoch, and the others join it', (t) => {
  const held = promised(promised(lost(), 1, `${HISTORY}:12`), 2, `${HISTORY}:10`);
  const serving = withFacts(held, 3, { isUp: true });
  t.deepEqual(carryOut(serving, first).done, ['join/3', 'join/1', 'join/2']);
});

test('what was found out of an older epoch changes nothing', (t) => {
  const again = applyFact(lost(), { kind: 'raised', ordinal: 1, epoch: 3 });
  t.is(applyFact(again, { kind: 'returned', ordinal: 1, epoch: 2 }), again);
});

test('an engine that comes back by itself is left alone', (t) => {
  const etcd = made(3, { datastore: { type: 'etcd', version: '3.4' }, durability: { mode: 'engine' } });
  t.deepEqual(plan(down(etcd, [1, 2, 3])), []);
});

test('a second loss is led back from as the first was, and a member that joins later is of the newest epoch', (t) => {
  const once = carryOut(down(made(3), [1, 2, 3]), first).end;
  const { done, end } = carryOut(down(once, [1, 2, 3]), first);
  t.is(done[0], 'raise_epoch/1');
  t.is(end.epoch, 3);
  const grown = withWish(
    end,
    [1, 2, 3, 4, 5].map((ordinal) => wanted(ordinal)),
  );
  t.deepEqual(
    carryOut(grown, first).end.members.map(({ facts }) => facts.epoch),
    [3, 3, 3, 3, 3],
  );
  t.is(after(end, { kind: 'federation.recovered', epochs: 1_000 }).epoch, 3);
});
