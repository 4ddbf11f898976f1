import test from 'ava';
import { applyFact } from '../state/apply-fact.ts';
import type { Cluster, MemberFacts } from '../state/clusters.ts';
import type { MemberKind } from '../state/spec.ts';
import { withWish } from '../state/wishes.ts';
import { plan } from './cluster.ts';
import { after, carryOut, cluster, first, last, wanted } from './cluster-for-tests.ts';
import { readySteps } from './ready.ts';

const ENGINE = { datastore: { type: 'etcd', version: '3.4' }, durability: { mode: 'engine' } } as const;

function wished(voters: number): Cluster {
  const made = cluster(Array.from({ length: voters }, () => 'voter' as const));
  return { ...made, spec: { ...made.spec, ...ENGINE } };
}

function made(voters: number): Cluster {
  return carryOut(wished(voters), first).end;
}

function withFacts(state: Cluster, ordinal: number, facts: MemberFacts): Cluster {
  const members = state.members.map((member) =>
    member.ordinal === ordinal ? { ...member, facts: { ...member.facts, ...facts } } : member,
  );
  return { ...state, members };
}

function ordinalsWished(state: Cluster, ordinals: readonly number[]): Cluster {
  return withWish(
    state,
    ordinals.map((ordinal) => wanted(ordinal)),
  );
}

const ids = (state: Cluster): string[] => readySteps(state).map(({ id }) => id);

test('one member founds the cluster and the others join it one at a time, in whichever order steps end', (t) => {
  for (const choose of [first, last]) {
    const { done, end } = carryOut(wished(3), choose, (state) => {
      const joining = readySteps(state).filter(({ kind }) => kind === 'join' || kind === 'found');
      t.true(joining.length <= 1);
    });
    t.deepEqual(
      done.filter((id) => /^(found|join)/.test(id)),
      ['found/1', 'join/2', 'join/3'],
    );
    t.is(end.epoch, 1);
    t.is(end.primary, undefined);
    t.deepEqual(end.liveRules, []);
  }
});

test('who founds and who joins next is settled, whoever has its place first', (t) => {
  t.deepEqual(ids(applyFact(wished(3), placed(3))), ['ensure_member/1', 'ensure_member/2']);
  const founded = carryOut(wished(1), first).end;
  const grown = applyFact(ordinalsWished(founded, [1, 2, 3]), placed(3));
  t.deepEqual(ids(grown), ['ensure_member/2']);
  t.deepEqual(ids(applyFact(grown, placed(2))), ['join/2']);
});

test('nobody is elected, promoted or asked for a promise, whatever is wished', (t) => {
  const kinds = new Set([
    ...plan(wished(5)).map(({ kind }) => kind),
    ...plan(ordinalsWished(made(3), [1, 4, 5])).map(({ kind }) => kind),
  ]);
  t.deepEqual([...kinds].sort(), ['dismiss', 'ensure_member', 'found', 'join', 'remove_member']);
});

test('a living member is dismissed when those that take its place have joined, and removed after that', (t) => {
  for (const choose of [first, last]) {
    const { done } = carryOut(ordinalsWished(made(3), [1, 2, 4]), choose);
    t.deepEqual(done, ['ensure_member/4', 'join/4', 'dismiss/3', 'remove_member/3']);
  }
});

test('a dead member is dismissed before another is taken in', (t) => {
  const dead = withFacts(ordinalsWished(made(3), [1, 2, 4]), 3, { isUp: false });
  t.deepEqual(carryOut(dead, first).done, ['ensure_member/4', 'dismiss/3', 'join/4', 'remove_member/3']);
  const dismissal = readySteps(dead).find(({ kind }) => kind === 'dismiss');
  t.is(dismissal?.region, 'north', 'a living member sees to it, in its own region');
  t.is(dismissal?.blocked, undefined);
});

test('who was asked to join and is wished no more is dismissed, though nobody heard whether it was taken in', (t) => {
  const grown = applyFact(ordinalsWished(made(3), [1, 2, 3, 4]), placed(4));
  t.deepEqual(ids(grown), ['join/4']);
  t.deepEqual(carryOut(ordinalsWished(grown, [1, 2, 3]), first).done, ['dismiss/4', 'remove_member/4']);
});

test('who was dismissed and is wished again joins anew', (t) => {
  const gone = applyFact(ordinalsWished(made(3), [1, 2]), { kind: 'dismissed', ordinal: 3 });
  t.deepEqual(carryOut(ordinalsWished(gone, [1, 2, 3]), first).done, ['join/3']);
});

test('without a majority nobody is taken in, taken out or disturbed, and the reason is said', (t) => {
  const two = ['2', '3'].reduce((state, ordinal) => withFacts(state, Number(ordinal), { isUp: false }), made(3));
  const shrunk = readySteps(ordinalsWished(two, [1]));
  t.is(shrunk.length, 1);
  t.regex(shrunk[0]?.blocked ?? '', /majority of its 2 members: member 3 \(west\) not up/);

  const grown = readySteps(applyFact(ordinalsWished(two, [1, 2, 3, 4, 5]), placed(4)));
  t.regex(grown.find(({ kind }) => kind === 'join')?.blocked ?? '', /majority/);

  const one = withFacts(made(3), 3, { isUp: false });
  const parameters = { generation: 1, values: { 'max-txn-ops': '256' } };
  const changed = readySteps({ ...one, spec: { ...one.spec, parameters } });
  t.regex(changed[0]?.blocked ?? '', /majority of its 3 members/);
});

test('parameters come one member at a time, and a volume grows at rest', (t) => {
  const state = made(3);
  const parameters = { generation: 1, values: { 'max-txn-ops': '256' } };
  const { done } = carryOut({ ...state, spec: { ...state.spec, parameters, volume: { size: 2 } } }, first);
  t.deepEqual(done, [
    ...['set_parameters/1/1', 'set_parameters/2/1', 'set_parameters/3/1'],
    ...[1, 2, 3].flatMap((ordinal) => [`rest/${ordinal}/1.0`, `resize/${ordinal}`, `join/${ordinal}`]),
  ]);
});

test('a cluster that is wished no more is removed without a dismissal', (t) => {
  const state = { ...made(3), wanted: 'absent' } as const;
  t.deepEqual(ids(state), ['remove_member/1', 'remove_member/2', 'remove_member/3']);
});

test('a federation that was recovered raises no epoch of it', (t) => {
  const state = made(3);
  t.is(after(state, { kind: 'federation.recovered', epochs: 1_000 }).epoch, 1);
});

const GALERA = { datastore: { type: 'mariadb', version: '10.11' }, durability: { mode: 'engine' } } as const;

/** Two members with data, and an arbiter. */
function arbitrated(kinds: readonly MemberKind[] = ['voter', 'voter', 'arbiter']): Cluster {
  const wish = cluster(kinds);
  return {
    ...wish,
    spec: { ...wish.spec, ...GALERA, parameters: { generation: 1, values: { sort_buffer_size: '4MB' } } },
  };
}

test('an arbiter joins as the others do; it founds nothing, and has neither parameters nor accounts', (t) => {
  for (const choose of [first, last]) {
    const { done, end } = carryOut(arbitrated(), choose);
    t.deepEqual(
      done.filter((id) => !id.startsWith('ensure')),
      [...[1, 2].map((at) => `set_parameters/${choose === first ? at : 3 - at}/1`), 'found/1', 'join/2', 'join/3'],
    );
    const parameters = { generation: 2, values: { sort_buffer_size: '5MB' } };
    const accounts = { generation: 1, users: [], databases: [{ name: 'stock' }], gone: { users: [], databases: [] } };
    const changed = { ...end, accounts, spec: { ...end.spec, parameters } };
    t.deepEqual(carryOut(withFacts(changed, 1, { isUp: false }), first).done.slice(0, 1), ['set_accounts/2/1']);
    t.deepEqual(carryOut(changed, first).done, ['set_accounts/1/1', 'set_parameters/1/2', 'set_parameters/2/2']);
  }
  t.deepEqual(
    carryOut(arbitrated(['arbiter', 'voter', 'voter']), first).done.filter((id) => /found|join/.test(id)),
    ['found/2', 'join/1', 'join/3'],
  );
});

test('an arbiter counts in the majority, takes nobody in or out, and is replaced as the others are', (t) => {
  const made = carryOut(arbitrated(), first).end;
  const without = withFacts(made, 1, { isUp: false });
  const replaced = withWish(without, [wanted(2), wanted(3, 'arbiter'), wanted(4)]);
  const dismissal = readySteps(replaced).find(({ kind }) => kind === 'dismiss');
  t.deepEqual([dismissal?.id, dismissal?.region, dismissal?.blocked], ['dismiss/1', 'south', undefined]);
  const alone = readySteps(withFacts(withWish(made, [wanted(1), wanted(3, 'arbiter')]), 1, { isUp: false }));
  t.is(alone[0]?.region, 'south', 'only a member with data can see to it');

  const bothDown = withFacts(withFacts(made, 1, { isUp: false }), 3, { isUp: false });
  t.truthy(readySteps(withWish(bothDown, [wanted(2), wanted(4, 'arbiter')]))[0]?.kind);
  const other = withWish(made, [wanted(1), wanted(2), wanted(6, 'arbiter')]);
  t.deepEqual(carryOut(other, first).done, ['ensure_member/6', 'join/6', 'dismiss/3', 'remove_member/3']);
  const dead = withFacts(other, 3, { isUp: false });
  t.deepEqual(carryOut(dead, first).done, ['ensure_member/6', 'dismiss/3', 'join/6', 'remove_member/3']);
});

function placed(ordinal: number) {
  const place = { address: 'a', port: 1, serverName: '', stackId: '', flavor: 'small', volumeGib: 1 };
  return { kind: 'placed', ordinal, ...place } as const;
}
