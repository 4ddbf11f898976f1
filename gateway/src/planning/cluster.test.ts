import test from 'ava';
import { applyFact } from '../state/apply-fact.ts';
import { type Cluster, memberOf, withNothingWanted } from '../state/clusters.ts';
import { type Fact, newMember } from '../state/entries.ts';
import type { MemberKind } from '../state/spec.ts';
import { firstRule, plan } from './cluster.ts';
import type { Step } from './steps.ts';

const REGIONS = ['north', 'south', 'west'];

function cluster(kinds: readonly MemberKind[]): Cluster {
  const members = kinds.map((kind, index) => {
    const region = REGIONS[index % REGIONS.length] ?? '';
    return newMember({ ordinal: index + 1, kind, region, zone: `${region}-a` });
  });
  return {
    id: 'c',
    name: 'orders',
    projectId: 'p',
    spec: {
      datastore: { type: 'postgresql', version: '15' },
      flavor: 'small',
      volume: { size: 1 },
      topology: { voters: kinds.filter((kind) => kind === 'voter').length, replicas: 0, arbiters: 0 },
      placement: { survive: 'region', regions: [], residency: [] },
      durability: { mode: 'quorum' },
    },
    revision: 1,
    wanted: 'present',
    members,
    nextOrdinal: kinds.length + 1,
    epoch: 0,
    openedEpoch: 0,
    admin: { name: 'admin', database: 'admin', verifier: '', generation: 1 },
    operationId: 'o',
    createdAt: '',
    updatedAt: '',
  };
}

/** What a step makes true when it succeeds. */
function factsOf(step: Step, before: Cluster): Fact {
  const { ordinal } = step;
  const epoch = before.epoch;
  const generation = before.rule?.generation ?? 0;
  switch (step.kind) {
    case 'ensure_member':
      return {
        kind: 'placed',
        ordinal,
        address: `127.1.0.${9 + ordinal}`,
        port: 5432,
        serverName: `m${ordinal}`,
        stackId: 's',
      };
    case 'remove_member':
      return { kind: 'removed', ordinal };
    case 'elect':
      return { kind: 'elected', ordinal, rule: firstRule(before) };
    case 'initialise':
      return { kind: 'initialised', ordinal };
    case 'promote':
      return { kind: 'promoted', ordinal, epoch, generation };
    case 'seed':
      return { kind: 'seeded', ordinal, epoch };
    case 'follow':
      return { kind: 'following', ordinal, epoch, generation };
    case 'open':
      return { kind: 'opened', ordinal, epoch };
  }
}

/** Carries out ready steps one at a time, chosen by `choose`, until nothing is missing. */
function carryOut(start: Cluster, choose: (ready: readonly Step[]) => Step): { done: string[]; end: Cluster } {
  const done: string[] = [];
  let now = start;
  for (let steps = plan(now); steps.length > 0; steps = plan(now)) {
    const ready = steps.filter(({ after }) => after.length === 0);
    if (ready.length === 0 || done.length > 100) throw new Error(`stuck after ${done.join(' ')}`);
    const step = choose(ready);
    now = applyFact(now, factsOf(step, now));
    done.push(step.id);
  }
  return { done, end: now };
}

const first = (ready: readonly Step[]): Step => ready[0] as Step;
const last = (ready: readonly Step[]): Step => ready.at(-1) as Step;

test('three voters are placed, one is elected and promoted, the others copy it, and only then it opens', (t) => {
  const { done, end } = carryOut(cluster(['voter', 'voter', 'voter']), first);

  t.deepEqual(done, [
    'ensure_member/1',
    'ensure_member/2',
    'ensure_member/3',
    'initialise/1',
    'elect/1',
    'promote/1/1.1',
    'seed/2',
    'follow/2/1.1',
    'seed/3',
    'follow/3/1.1',
    'open/1/1.1',
  ]);
  t.deepEqual(end.rule, { epoch: 1, generation: 1, voters: [1, 2, 3], acknowledgements: 1 });
  t.is(end.openedEpoch, 1);
});

test('the order in which steps end does not matter', (t) => {
  const forward = carryOut(cluster(['voter', 'voter', 'voter', 'replica']), first);
  const backward = carryOut(cluster(['voter', 'voter', 'voter', 'replica']), last);

  t.deepEqual([...backward.done].sort(), [...forward.done].sort());
  t.deepEqual(backward.end, forward.end);
});

test('the first plan shows every step to come', (t) => {
  const start = cluster(['voter', 'voter', 'voter']);

  t.deepEqual(
    plan(start)
      .map(({ id }) => id)
      .sort(),
    carryOut(start, first).done.sort(),
  );
});

test('a cluster of one opens without waiting for anybody', (t) => {
  const { done, end } = carryOut(cluster(['voter']), first);

  t.deepEqual(done, ['ensure_member/1', 'initialise/1', 'elect/1', 'promote/1/1.1', 'open/1/1.1']);
  t.is(end.rule?.acknowledgements, 0);
});

test('a replica is no voter: it counts in no rule and nothing waits for it', (t) => {
  const { end } = carryOut(cluster(['voter', 'voter', 'voter', 'replica']), first);
  const open = plan(cluster(['voter', 'voter', 'voter', 'replica'])).find(({ kind }) => kind === 'open');

  t.deepEqual(end.rule?.voters, [1, 2, 3]);
  t.false(open?.after.some((id) => id.startsWith('follow/4')));
});

test('nobody is elected before every voter has a place', (t) => {
  let now = cluster(['voter', 'voter', 'voter']);
  for (const ordinal of [1, 2]) {
    const step = plan(now).find(({ id }) => id === `ensure_member/${ordinal}`) as Step;
    now = applyFact(now, factsOf(step, now));
  }

  t.deepEqual(plan(now).find(({ kind }) => kind === 'elect')?.after, ['ensure_member/3', 'initialise/1']);
});

test('from wherever a create stopped, the way to nothing removes every member once', (t) => {
  const start = cluster(['voter', 'voter', 'voter']);
  for (let count = 0; count <= carryOut(start, first).done.length; count += 1) {
    let now = start;
    for (let index = 0; index < count; index += 1) {
      const step = first(plan(now).filter(({ after }) => after.length === 0));
      now = applyFact(now, factsOf(step, now));
    }
    const { done, end } = carryOut(withNothingWanted(now), last);

    t.deepEqual(done.sort(), ['remove_member/1', 'remove_member/2', 'remove_member/3']);
    t.deepEqual(end.members, []);
  }
});

test('an epoch has one primary: a second election in it changes nothing', (t) => {
  const { end } = carryOut(cluster(['voter', 'voter', 'voter']), first);
  const again = applyFact(end, {
    kind: 'elected',
    ordinal: 2,
    rule: { epoch: 1, generation: 1, voters: [2, 3], acknowledgements: 1 },
  });

  t.is(again.primary, 1);
  t.deepEqual(again.rule, end.rule);
});

test('a fact of an older epoch changes nothing', (t) => {
  const { end } = carryOut(cluster(['voter', 'voter', 'voter']), first);
  const later = applyFact(end, {
    kind: 'elected',
    ordinal: 2,
    rule: { epoch: 2, generation: 2, voters: [1, 2, 3], acknowledgements: 1 },
  });

  t.deepEqual(applyFact(later, { kind: 'opened', ordinal: 1, epoch: 1 }), later);
  t.deepEqual(applyFact(later, { kind: 'following', ordinal: 3, epoch: 1, generation: 1 }), later);
  t.is(memberOf(applyFact(later, { kind: 'promoted', ordinal: 1, epoch: 1, generation: 1 }), 1)?.facts.epoch, 1);
});
