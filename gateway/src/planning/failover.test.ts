import test from 'ava';
import { applyFact } from '../state/apply-fact.ts';
import { type Cluster, memberOf } from '../state/clusters.ts';
import { withWish } from '../state/wishes.ts';
import { plan } from './cluster.ts';
import { after, carryOut, failedOver, first, made, wanted } from './cluster-for-tests.ts';
import { electedRule } from './elect.ts';
import { expectedFact } from './expected.ts';
import { readySteps } from './ready.ts';

const three = made(3);
const five = made(5);

function promised(start: Cluster, ordinal: number, value: string, epoch = start.epoch - 1): Cluster {
  const promise = { epoch: start.epoch, position: { epoch, value } };
  return applyFact(start, { kind: 'promised', ordinal, promise });
}

function ids(cluster: Cluster): string[] {
  return readySteps(cluster).map(({ id, blocked }) => (blocked === undefined ? id : `${id} waits`));
}

/** Half-way into a change of its voters: the new rule is committed and not yet open. */
function changing(start: Cluster, voters: readonly number[]): Cluster {
  const members = voters.map((ordinal) => wanted(ordinal));
  let now: Cluster = { ...withWish(start, members), revision: start.revision + 1 };
  while (now.liveRules.length === 1) now = applyFact(now, expectedFact(readySteps(now)[0] as never, now));
  return now;
}

test('without its primary a cluster asks the other voters side by side, elects one, and the rest follow', (t) => {
  const { done, end } = carryOut(failedOver(three, [1]), first);

  t.deepEqual(done, ['promise/2/2', 'promise/3/2', 'elect/2/2', 'promote/2/2.2', 'follow/3/2.2', 'open/2/2.2']);
  t.like(end, { primary: 2, epoch: 2, opened: { epoch: 2, generation: 2 }, rule: { voters: [1, 2, 3] } });
  t.is(end.failover, undefined);
});

test('what is shown of a failover beforehand is what is done', (t) => {
  const start = failedOver(three, [1]);

  t.deepEqual(
    plan(start).map(({ id }) => id),
    carryOut(start, first).done,
  );
});

test('one promise of three voters elects nobody: the other voter may have what was acknowledged', (t) => {
  const start = promised(failedOver(three, [1]), 2, '0/5000000');

  t.deepEqual(ids(start), ['promise/3/2']);
  t.deepEqual(ids(promised(start, 3, '0/4000000')), ['elect/2/2']);
});

test('whoever reaches furthest is elected, compared by epoch before position', (t) => {
  const start = promised(failedOver(three, [1]), 2, '0/5000000');

  t.deepEqual(ids(promised(start, 3, '0/5000001')), ['elect/3/2']);
  const later = { ...start, epoch: 3, members: [...start.members] };
  const behind = promised(promised(later, 2, '0/9000000', 1), 3, '0/3000000', 2);
  t.deepEqual(ids(behind), ['elect/3/3']);
});

test('a voter whose copy is not whole vouches for nothing: the old primary is asked again when it is back', (t) => {
  const moved = carryOut(failedOver(three, [1]), first).end;
  const gone = failedOver(after(moved, { kind: 'members.seen', clusterId: 'c', away: [] }), []);
  const found = { kind: 'member.diverged', clusterId: 'c', operationId: 'f', stepId: 's', ordinal: 1 } as const;
  const diverged = after(moved, { ...found, epoch: moved.epoch, reason: 'It went another way.' });

  t.deepEqual(ids(gone), ['promise/1/3', 'promise/3/3']);
  t.deepEqual(ids(failedOver(diverged, [])), ['promise/2/3', 'promise/1/3', 'promise/3/3'].sort());
});

test('the old primary alone is enough: it has all that it ever acknowledged', (t) => {
  const start = failedOver(three, [2, 3]);

  t.deepEqual(ids(start), ['promise/1/2']);
  t.deepEqual(ids(promised(start, 1, '0/5000000')), ['elect/1/2']);
});

test('of five voters with k = 2, three of the four others must promise', (t) => {
  let now = failedOver(five, [1]);
  now = promised(promised(now, 2, '0/5000000'), 3, '0/5000000');
  t.deepEqual(ids(now), ['promise/4/2', 'promise/5/2']);

  t.deepEqual(ids(promised(now, 4, '0/6000000')), ['elect/4/2']);
});

test('while a rule changes, enough voters of the old and of the new one must promise', (t) => {
  // ANY 1 of (2, 3) became ANY 1 of (4, 5): both are live.
  const now = failedOver(changing(three, [1, 4, 5]), [1]);
  t.deepEqual(ids(now), ['promise/2/2', 'promise/3/2', 'promise/4/2', 'promise/5/2']);

  const ofOld = promised(promised(now, 2, '0/5000000'), 3, '0/5000000');
  t.deepEqual(ids(ofOld), ['promise/4/2', 'promise/5/2'], 'the old rule alone');
  const ofNew = promised(promised(now, 4, '0/5000000'), 5, '0/5000000');
  t.deepEqual(ids(ofNew), ['promise/2/2', 'promise/3/2'], 'the new rule alone');
  t.deepEqual(ids(promised(promised(ofOld, 4, '0/5000000'), 5, '0/7000000')), ['elect/5/2']);
});

test('the elected leads by the newest live rule that counts on it', (t) => {
  const now = changing(three, [1, 4, 5]);

  t.deepEqual(electedRule(now, 5)?.voters, [1, 4, 5]);
  t.deepEqual(electedRule(now, 2)?.voters, [1, 2, 3]);
});

test('a cluster whose voters are gone elects nobody, says who is missing, and goes on when one returns', (t) => {
  const start = promised(failedOver(three, [1, 2]), 3, '0/5000000');
  t.deepEqual(ids(start), ['elect/1/2 waits']);
  t.regex(readySteps(start)[0]?.blocked ?? '', /member 1 \(north\), member 2 \(south\)/);

  const seen = after(start, { kind: 'members.seen', clusterId: 'c', away: [1] });
  t.deepEqual(ids(seen), ['promise/2/2']);
  t.deepEqual(ids(promised(seen, 2, '0/4000000')), ['elect/3/2']);
});

test('one who promised and went away is counted, and does not lead', (t) => {
  const start = promised(promised(failedOver(five, [1]), 2, '0/9000000'), 3, '0/5000000');
  const away = after(start, { kind: 'members.seen', clusterId: 'c', away: [1, 2] });

  t.deepEqual(ids(promised(away, 4, '0/5000000')), ['promise/5/2'], 'the furthest is away');
  t.deepEqual(ids(promised(promised(away, 4, '0/5000000'), 5, '0/6000000')), ['elect/5/2'], 'the others are enough');
});

test('an answer to an older epoch counts nowhere', (t) => {
  const late = {
    kind: 'promised',
    ordinal: 3,
    promise: { epoch: 2, position: { epoch: 1, value: '0/9000000' } },
  } as const;
  const second = failedOver(carryOut(failedOver(three, [1]), first).end, [2]);
  t.is(second.epoch, 3);

  t.deepEqual(applyFact(second, late), second);
});

test('a second failover during the first asks on in the same epoch, and deposes whom the first has elected', (t) => {
  const electing = failedOver(three, [1]);
  t.is(failedOver(electing, [1, 2]).epoch, 2);

  const elected = carryOut(promised(promised(electing, 2, '0/5000000'), 3, '0/4000000'), first, () => undefined);
  t.is(elected.end.primary, 2);
  const again = failedOver(elected.end, [1, 2]);
  t.is(again.epoch, 3);
  t.is(again.primary, undefined);
  // Of {1, 3} both must be heard: 2 led, and what it acknowledged is with one of them.
  t.deepEqual(ids(promised(again, 3, '0/5000000', 2)), ['elect/2/3 waits']);
});

test('what was decided from an older look at the cluster is refused', (t) => {
  const next = carryOut(failedOver(three, [1]), first).end;

  t.is(failedOver(next, [2], { seen: three }), next, 'another epoch');
  t.is(failedOver(failedOver(next, [2]), [3], { seen: { ...next, epoch: 3 } }).primary, undefined);
});

test('the old primary that returns in the middle is not needed, and follows when another was elected', (t) => {
  const start = promised(failedOver(three, [1]), 2, '0/5000000');
  const back = after(start, { kind: 'members.seen', clusterId: 'c', away: [] });
  t.deepEqual(ids(back), ['promise/3/2']);

  const { done } = carryOut(promised(back, 3, '0/4000000'), first);
  t.true(done.includes('follow/1/2.2'));
});

test('a member whose log went another way rejoins, and follows then', (t) => {
  const opened = carryOut(failedOver(three, [1]), first).end;
  const back = after(opened, { kind: 'members.seen', clusterId: 'c', away: [] });
  t.deepEqual(ids(back), ['follow/1/2.2']);
  const diverged = {
    ...back,
    members: back.members.map((member) =>
      member.ordinal === 1 ? { ...member, facts: { ...member.facts, divergence: 'x' } } : member,
    ),
  };

  t.deepEqual(carryOut(diverged, first).done, ['rejoin/1/2.2', 'follow/1/2.2']);
  const elected = carryOut(failedOver(diverged, [2]), first).end;
  t.is(memberOf(elected, 1)?.facts.divergence, undefined, 'it may go on with the next primary');
});

test('who is away is asked for nothing, and does not keep the others from being whole', (t) => {
  const opened = carryOut(failedOver(three, [1]), first).end;

  t.deepEqual(ids(opened), []);
  t.true(memberOf(opened, 1)?.facts.isAway);
});

test('when losing writes is accepted, the furthest of all that are there leads, by a rule of those alone', (t) => {
  const start = failedOver(five, [1, 2, 3], { acceptsDataLoss: true });
  t.deepEqual(ids(promised(start, 4, '0/5000000')), ['promise/5/2'], 'nobody who is there is passed over');
  const { end } = carryOut(promised(promised(start, 4, '0/5000000'), 5, '0/6000000'), first);

  t.like(end, { primary: 5, rule: { voters: [4, 5], acknowledgements: 1 } });
  t.deepEqual(end.liveRules, [end.rule]);
  t.deepEqual(
    end.members.filter(({ facts }) => facts.leftOutInEpoch === 2).map(({ ordinal }) => ordinal),
    [1, 2, 3],
  );
  t.deepEqual(ids(end), [], 'they keep what they hold, and nothing that they say counts');
});

test('who was left out saves what it holds before it follows, and is a voter again by a change of the rule', (t) => {
  const start = failedOver(three, [1, 2], { acceptsDataLoss: true });
  const alone = carryOut(promised(start, 3, '0/5000000'), first).end;
  t.like(alone, { primary: 3, rule: { voters: [3], acknowledgements: 0 } });

  const back = after(alone, { kind: 'members.seen', clusterId: 'c', away: [2] });
  t.deepEqual(ids(back), ['rejoin/1/2.2']);
  const tail = { bytes: 96, transactions: 1, folder: 'tails/x' };
  const rejoined = applyFact(back, { kind: 'rejoined', ordinal: 1, epoch: 2, method: 'rewound', tail });
  t.like(memberOf(rejoined, 1)?.facts, {
    leftOutInEpoch: undefined,
    tail: { ...tail, epoch: 2, mayBeAcknowledged: true },
  });
  const { done, end } = carryOut(rejoined, first);
  t.deepEqual(done, ['follow/1/2.2', 'change_rule/3/2.3', 'configure/3/2.3', 'follow/1/2.3', 'open/3/2.3']);
  t.like(end, { rule: { voters: [1, 3], acknowledgements: 1 } });
});

test('where the tenant chose it, the survivor of two voters goes on alone, and the other is a voter again when it follows', (t) => {
  const two: Cluster = made(2);
  const start = { ...two, spec: { ...two.spec, durability: { mode: 'quorum', on_loss: 'degrade' } as const } };
  const seen = { epoch: 1, generation: 1, without: [2], reason: '' };
  const starved = after(start, { kind: 'cluster.degraded', clusterId: 'c', ...seen });
  t.deepEqual(ids(after(two, { kind: 'cluster.degraded', clusterId: 'c', ...seen })), [], 'not without being asked');
  t.deepEqual(ids(starved), ['change_rule/1/1.2']);
  const changed = applyFact(starved, expectedFact(readySteps(starved)[0] as never, starved));
  t.like(changed, { rule: { voters: [1], acknowledgements: 0 } });
  t.is(changed.liveRules.length, 2, 'until it is open, what the other may hold counts');

  const { done, end } = carryOut(starved, first);
  const [degraded, back] = [done.slice(0, done.indexOf('open/1/1.2') + 1), done.slice(done.indexOf('open/1/1.2') + 1)];
  t.deepEqual(degraded, ['change_rule/1/1.2', 'configure/1/1.2', 'follow/2/1.2', 'open/1/1.2']);
  t.deepEqual(back, ['change_rule/1/1.3', 'configure/1/1.3', 'follow/2/1.3', 'open/1/1.3']);
  t.like(end, { rule: { voters: [1, 2], acknowledgements: 1 } });
});

test('when it is the primary of two that is lost, the other is elected with a rule of its own', (t) => {
  const two: Cluster = made(2);
  const start = { ...two, spec: { ...two.spec, durability: { mode: 'quorum', on_loss: 'degrade' } as const } };
  const { end } = carryOut(failedOver(start, [1]), first);
  t.like(end, { primary: 2, epoch: 2, rule: { voters: [2], acknowledgements: 0 } });
  t.deepEqual(ids(end), [], 'the one that is away is no voter');
  t.true(memberOf(end, 1)?.facts.isCutOff);

  const back = after(end, { kind: 'members.seen', clusterId: 'c', away: [] });
  t.like(carryOut(back, first).end, { primary: 2, rule: { voters: [1, 2], acknowledgements: 1 } });
  const refusing = failedOver(two, [1]);
  t.deepEqual(carryOut(refusing, first).end.rule?.voters, [1, 2], 'else commits wait for both');
});
