import test from 'ava';
import { applyFact } from '../state/apply-fact.ts';
import { type Cluster, memberOf, wantedMembers, withNothingWanted } from '../state/clusters.ts';
import type { WantedMember } from '../state/spec.ts';
import { withWish } from '../state/wishes.ts';
import { plan } from './cluster.ts';
import { carryOut, cluster, failedOver, first, last, made, wanted } from './cluster-for-tests.ts';
import { isEnough } from './elect.ts';
import { expectedFact } from './expected.ts';
import { readySteps } from './ready.ts';
import type { Step } from './steps.ts';

const whole = made(3);

function wish(start: Cluster, members: readonly WantedMember[]): Cluster {
  return { ...withWish(start, members), revision: start.revision + 1 };
}

test('three voters are placed, one is elected and promoted, the others copy it, and a quorum opens it', (t) => {
  const { done, end } = carryOut(cluster(['voter', 'voter', 'voter']), first);

  t.deepEqual(done, [
    ...['ensure_member/1', 'ensure_member/2', 'ensure_member/3', 'initialise/1', 'elect/1', 'promote/1/1.1'],
    ...['seed/2', 'follow/2/1.1', 'seed/3', 'follow/3/1.1', 'open/1/1.1'],
  ]);
  t.deepEqual(end.rule, { epoch: 1, generation: 1, voters: [1, 2, 3], acknowledgements: 1 });
  t.deepEqual(end.opened, { epoch: 1, generation: 1 });
});

test('the order in which steps end does not matter', (t) => {
  const forward = carryOut(cluster(['voter', 'voter', 'voter', 'replica']), first);
  const backward = carryOut(cluster(['voter', 'voter', 'voter', 'replica']), last);

  t.deepEqual([...backward.done].sort(), [...forward.done].sort());
  t.deepEqual(backward.end, forward.end);
});

test('the plan shows every step to come, and side by side what can be done side by side', (t) => {
  const steps = plan(cluster(['voter', 'voter', 'voter']));

  t.deepEqual(steps.map(({ id }) => id).sort(), carryOut(cluster(['voter', 'voter', 'voter']), first).done.sort());
  t.deepEqual(
    steps.filter(({ round }) => round === 1).map(({ id }) => id),
    ['ensure_member/1', 'ensure_member/2', 'ensure_member/3'],
  );
  t.deepEqual(plan(whole), []);
});

test('a cluster of one opens without waiting for anybody', (t) => {
  const { done, end } = carryOut(cluster(['voter']), first);

  t.deepEqual(done, ['ensure_member/1', 'initialise/1', 'elect/1', 'promote/1/1.1', 'open/1/1.1']);
  t.is(end.rule?.acknowledgements, 0);
});

test('a replica is no voter: it counts in no rule', (t) => {
  t.deepEqual(carryOut(cluster(['voter', 'voter', 'voter', 'replica']), first).end.rule?.voters, [1, 2, 3]);
});

test('nobody is elected before every voter has a place', (t) => {
  let now = cluster(['voter', 'voter', 'voter']);
  for (const id of ['ensure_member/1', 'ensure_member/2', 'initialise/1']) {
    const step = readySteps(now).find((ready) => ready.id === id) as Step;
    now = applyFact(now, expectedFact(step, now));
  }

  t.deepEqual(
    readySteps(now).map(({ id }) => id),
    ['ensure_member/3'],
  );
});

test('from wherever a create stopped, the way to nothing removes every member once', (t) => {
  const states = [cluster(['voter', 'voter', 'voter'])];
  carryOut(states[0] as Cluster, first, (state) => states.push(state));
  for (const state of states) {
    const { done, end } = carryOut(withNothingWanted(state), last);

    t.deepEqual(done.sort(), ['remove_member/1', 'remove_member/2', 'remove_member/3']);
    t.deepEqual(end.members, []);
  }
});

test('a cluster grows by seeding first, and changes its rule when the new voters follow', (t) => {
  const { done, end } = carryOut(
    wish(
      whole,
      [1, 2, 3, 4, 5].map((ordinal) => wanted(ordinal)),
    ),
    first,
  );

  t.deepEqual(
    done,
    [
      ...[
        'ensure_member/4',
        'configure/1/1.1',
        'seed/4',
        'follow/4/1.1',
        'ensure_member/5',
        'seed/5',
        'follow/5/1.1',
      ].sort(),
      ...[
        'change_rule/1/1.2',
        'configure/1/1.2',
        'follow/2/1.2',
        'follow/3/1.2',
        'follow/4/1.2',
        'follow/5/1.2',
        'open/1/1.2',
      ],
    ].sort((left, right) => done.indexOf(left) - done.indexOf(right)),
  );
  t.deepEqual(end.rule, { epoch: 1, generation: 2, voters: [1, 2, 3, 4, 5], acknowledgements: 2 });
  t.deepEqual(end.liveRules, [end.rule]);
});

test('while a rule changes both rules are live, and nobody that either needs is removed', (t) => {
  let sawBoth = false;
  carryOut(
    wish(
      whole,
      [1, 2, 4].map((ordinal) => wanted(ordinal)),
    ),
    last,
    (state) => {
      const needed = new Set(state.liveRules.flatMap(({ voters }) => voters));
      const present = state.members.map(({ ordinal }) => ordinal);
      t.true([...needed].every((ordinal) => present.includes(ordinal)));
      if (state.liveRules.length === 2) sawBoth = true;
    },
  );

  t.true(sawBoth);
});

test('a cluster shrinks by changing its rule first, and removes the member when only the new rule is live', (t) => {
  const { done, end } = carryOut(
    wish(
      whole,
      [1, 2].map((ordinal) => wanted(ordinal)),
    ),
    first,
  );

  t.deepEqual(done, [
    'change_rule/1/1.2',
    'configure/1/1.2',
    'follow/2/1.2',
    'open/1/1.2',
    'remove_member/3',
    'configure/1/1.2',
  ]);
  t.deepEqual(
    end.members.map(({ ordinal }) => ordinal),
    [1, 2],
  );
});

test('a primary that shall go hands over first, and is in the rule until it has', (t) => {
  const { done, end } = carryOut(
    wish(
      whole,
      [2, 3, 4].map((ordinal) => wanted(ordinal)),
    ),
    first,
    (state) => {
      if (state.primary !== undefined) t.true(state.rule?.voters.includes(state.primary));
    },
  );

  t.true(done.indexOf('promise/1/2') < done.indexOf('promise/2/2'));
  t.is(end.primary, 2);
  t.is(end.epoch, 2);
  t.deepEqual(end.rule?.voters, [2, 3, 4]);
  t.deepEqual(
    end.members.map(({ ordinal }) => ordinal),
    [2, 3, 4],
  );
});

test('a single member moves with its data: the new one copies it, takes over, and only then it goes', (t) => {
  const one = carryOut(cluster(['voter']), first).end;
  const { done, end } = carryOut(wish(one, [wanted(2)]), first);

  t.true(done.indexOf('seed/2') < done.indexOf('remove_member/1'));
  t.is(end.primary, 2);
  t.deepEqual(
    end.members.map(({ ordinal }) => ordinal),
    [2],
  );
});

test('a switchover raises the epoch, stops the old primary before the new one answers, and lets it follow', (t) => {
  const { done, end } = carryOut({ ...whole, wantedPrimary: { ordinal: 3, epoch: 1 } }, first);

  t.deepEqual(done, [
    ...['raise_epoch/3', 'promise/1/2', 'promise/3/2', 'elect/3/2', 'promote/3/2.2'],
    ...['follow/1/2.2', 'follow/2/2.2', 'open/3/2.2'],
  ]);
  t.is(end.primary, 3);
  t.deepEqual(end.lastElected, { epoch: 2, ordinal: 3 });
});

test('a switchover that was asked for in an older epoch is void', (t) => {
  t.deepEqual(readySteps({ ...whole, wantedPrimary: { ordinal: 3, epoch: 0 } }), []);
});

test('a new flavor reaches the replicas one after the other, and the primary after it has handed over', (t) => {
  const resized = { ...whole, spec: { ...whole.spec, flavor: 'large' } };
  const { done, end } = carryOut(resized, first);

  t.deepEqual(
    done.filter((id) => /^(resize|raise_epoch|follow)/.test(id)),
    [
      ...['resize/2', 'follow/2/1.1', 'resize/3', 'follow/3/1.1'],
      ...['raise_epoch/2', 'follow/1/2.2', 'follow/3/2.2', 'resize/1', 'follow/1/2.2'],
    ],
  );
  t.true(wantedMembers(end).every(({ facts }) => facts.flavor === 'large'));
});

test('a volume is taken from a member whose database has ended, one member after the other', (t) => {
  const grown = { ...whole, spec: { ...whole.spec, volume: { size: 2 } } };
  const { done, end } = carryOut(grown, last, (state) => {
    const resting = state.members.filter(({ facts }) => facts.isResting === true);
    t.true(resting.length <= 1);
  });

  t.deepEqual(done, [
    ...['rest/2/1.1', 'resize/2', 'follow/2/1.1', 'rest/3/1.1', 'resize/3', 'follow/3/1.1'],
    ...['raise_epoch/2', 'promise/1/2', 'promise/2/2', 'elect/2/2', 'promote/2/2.2', 'follow/3/2.2', 'open/2/2.2'],
    ...['follow/1/2.2', 'rest/1/2.2', 'resize/1', 'follow/1/2.2'],
  ]);
  t.true(wantedMembers(end).every(({ facts }) => facts.volumeGib === 2 && facts.isResting === false));
});

test('the volume of a single member grows while its database rests, and it leads again', (t) => {
  const one = carryOut(cluster(['voter']), first).end;
  const { done } = carryOut({ ...one, spec: { ...one.spec, volume: { size: 2 } } }, first);

  t.deepEqual(done, ['rest/1/1.1', 'resize/1', 'configure/1/1.1', 'open/1/1.1']);
});

test('a member rests only while the others are enough for a commit', (t) => {
  const members = whole.members.map((member) =>
    member.ordinal === 3 ? { ...member, facts: { ...member.facts, isUp: false } } : member,
  );
  const [step] = readySteps({ ...whole, members, spec: { ...whole.spec, volume: { size: 2 } } });

  t.is(step?.id, 'rest/2/1.1');
  t.regex(step?.blocked ?? '', /Only 0 other voters are up/);
});

test('a resting member follows again when its volume shall not grow any more', (t) => {
  const grown = { ...whole, spec: { ...whole.spec, volume: { size: 2 } } };
  const resting = applyFact(grown, { kind: 'rested', ordinal: 2, epoch: 1 });

  t.deepEqual(
    readySteps(resting).map(({ id }) => id),
    ['resize/2'],
  );
  t.deepEqual(carryOut({ ...resting, spec: whole.spec }, first).done, ['follow/2/1.1']);
  t.deepEqual(applyFact(whole, { kind: 'rested', ordinal: 2, epoch: 0 }), whole);
});

test('who rests is asked for its promise when the primary is gone, and rests anew after the election', (t) => {
  const grown = { ...whole, spec: { ...whole.spec, volume: { size: 2 } } };
  const resting = applyFact(grown, { kind: 'rested', ordinal: 2, epoch: 1 });
  const { done } = carryOut(failedOver(resting, [1]), first);

  t.true(done.indexOf('promise/2/2') >= 0 && done.indexOf('promise/2/2') < done.indexOf('elect/2/2'));
  t.true(done.every((id) => !id.endsWith('/1') && !id.includes('/1/')));
});

test('no member is disturbed when a commit would then lack its quorum', (t) => {
  const members = whole.members.map((member) =>
    member.ordinal === 3 ? { ...member, facts: { ...member.facts, isUp: false } } : member,
  );
  const [step] = readySteps({ ...whole, members, spec: { ...whole.spec, flavor: 'large' } });

  t.is(step?.id, 'resize/2');
  t.regex(step?.blocked ?? '', /Only 0 other voters are up/);
});

test('a new password is given to the primary, and disturbs nothing', (t) => {
  const { done } = carryOut({ ...whole, admin: { ...whole.admin, generation: 2 } }, first);

  t.deepEqual(done, ['configure/1/1.1']);
});

test('an epoch has one primary: a second election in it changes nothing', (t) => {
  const rule = { epoch: 1, generation: 1, voters: [2, 3], acknowledgements: 1 };
  const again = applyFact(whole, { kind: 'elected', ordinal: 2, rule });

  t.is(again.primary, 1);
  t.deepEqual(again.rule, whole.rule);
});

test('a fact of an older epoch or rule changes nothing', (t) => {
  const later = carryOut({ ...whole, wantedPrimary: { ordinal: 2, epoch: 1 } }, first).end;

  t.deepEqual(applyFact(later, { kind: 'opened', ordinal: 1, epoch: 1, generation: 1 }), later);
  t.deepEqual(applyFact(later, { kind: 'following', ordinal: 3, epoch: 1, generation: 1 }), later);
  t.deepEqual(applyFact(later, { kind: 'raised', ordinal: 3, epoch: 2 }), later);
  const promoted = {
    kind: 'promoted',
    ordinal: 1,
    epoch: 1,
    generation: 1,
    knownPeers: [],
    adminGeneration: 1,
  } as const;
  t.is(memberOf(applyFact(later, promoted), 1)?.facts.role, 'replica');
});

test('an engine that waits for one voter only is elected anew by all the others while it has four', (t) => {
  const start = cluster(['voter', 'voter', 'voter', 'voter']);
  const { end } = carryOut(
    { ...start, spec: { ...start.spec, datastore: { type: 'mariadb', version: '10.11' } } },
    first,
  );

  t.like(end.rule, { voters: [1, 2, 3, 4], acknowledgements: 1 });
  t.false(isEnough(end, [2, 3]), 'a write may be on 1 and 4 alone');
  t.true(isEnough(end, [2, 3, 4]));
});
