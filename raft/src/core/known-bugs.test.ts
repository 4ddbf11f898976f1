// Bugs that other implementations of Raft had, named by where they were reported. Each would be seen here. More are in
// `known-log-bugs.test.ts`; `raft/known-bugs.md` has all of them, also those that nothing here can have.
import test from 'ava';
import { type Message, makeMessage } from './messages.ts';
import { add, entries, learn, plain, remove, say, withDisk, without, world } from './scenarios-for-tests.ts';
import { testLimits } from './world-for-tests.ts';

const joint = { transition: 'auto' } as const;

test('etcd#7625: who has not applied a committed change of membership does not campaign', (t) => {
  const place = world(3);
  place.elect(1);
  place.join(4);
  place.change(1, { ...joint, changes: [add(4)] });
  place.settle(1);
  const append = place.network.find(({ to, entries: sent }) => to === 2 && sent.length > 0);
  place.network = [];

  // Peer 2 has the change and knows that it is committed, and its state machine is slow.
  place.deliver({ ...(append as Message), commit: 2 });
  place.peer(2).node.campaign();
  t.is(place.peer(2).node.status().role, 'follower');
  place.settle(2);
  place.peer(2).node.campaign();

  t.is(place.peer(2).node.status().role, 'candidate');
});

test('etcd#7331: the only voter, too, answers reads after the first commit of its term', (t) => {
  const place = world(1);
  place.peer(1).node.campaign();
  place.beginTurn(1);
  place.endTurn(1);
  t.is(place.peer(1).node.status().role, 'leader');

  place.read(1, 'early');
  place.beginTurn(1);
  t.deepEqual(place.confirmedReads, []);
  place.settle(1);

  t.deepEqual(place.confirmedReads, [{ context: 'early', index: 1 }]);
});

test('etcd-io/raft#397: a second question with the same context is not confirmed by answers to the first', (t) => {
  const place = world(3);
  place.elect(1);
  place.read(1, 'same');
  place.settle(1);
  const heartbeat = place.network.find(({ type, to }) => type === 'MsgHeartbeat' && to === 2);
  place.network = [];
  place.deliver(heartbeat as Message);
  place.settle(2);
  const answers = place.network.splice(0);

  for (const answer of answers) place.deliver(answer);
  place.settle(1);
  place.read(1, 'same');
  place.settle(1);
  place.network = [];
  for (const answer of answers) place.deliver(answer);
  place.settle(1);

  t.is(place.confirmedReads.length, 1);
});

test('openraft#1747: a leader that asked another to take over has no lease in the rest of its term', (t) => {
  const place = world(3, { preVote: true, checkQuorum: true, readOnly: 'lease-based' });
  place.elect(1);
  place.ticks(1);
  place.read(1, 'under the lease');
  t.is(place.network.length, 0);
  place.settle(1);
  t.is(place.confirmedReads.length, 1);

  place.peer(1).node.transferLeadership(2);
  place.settle(1);
  place.network = [];
  place.read(1, 'after it');
  place.beginTurn(1);

  t.is(place.confirmedReads.length, 1);
  t.true(place.network.some(({ type }) => type === 'MsgHeartbeat'));
});

test('etcd#20418: a lease ends an election timeout after its heartbeat, not after the next check', (t) => {
  const place = world(3, { preVote: true, checkQuorum: true, readOnly: 'lease-based' });
  place.elect(1);
  place.ticks(1);

  for (let tick = 0; tick < 9; tick += 1) place.peer(1).node.tick();
  t.is(place.peer(1).node.status().role, 'leader');
  place.read(1, 'late');
  place.beginTurn(1);

  t.deepEqual(place.confirmedReads, []);
});

test('hashicorp#661: term and vote become durable together', (t) => {
  const place = world(3);
  place.deliver(makeMessage('MsgVote', 1, { from: 2, term: 3 }));

  place.beginTurn(1);

  t.deepEqual(place.peer(1).outstanding?.hardState, { term: 3, vote: 2, commit: 0 });
});

test('CCF#8094: a leader that steps down in its term keeps its vote', (t) => {
  const place = world(3, { preVote: false, checkQuorum: true });
  place.elect(1);

  for (let tick = 0; tick < 25; tick += 1) place.peer(1).node.tick();
  const { role, term, vote } = place.peer(1).node.status();

  t.deepEqual({ role, term, vote }, { role: 'follower', term: 1, vote: 1 });
});

test('canonical/raft#196: a pre-vote takes no vote back, and its answer is none', (t) => {
  const place = world(3, { preVote: true, checkQuorum: false });
  say(place, 'MsgVote', 1, { from: 2, term: 1 });

  place.peer(1).node.campaign();
  place.settle(1);
  t.is(place.peer(1).node.status().vote, 2);
  say(place, 'MsgPreVoteResp', 1, { from: 3, term: 2 });
  t.is(place.peer(1).node.status().role, 'candidate');
  say(place, 'MsgPreVoteResp', 1, { from: 2, term: 2 });

  t.is(place.peer(1).node.status().role, 'candidate');
});

test('little-raft#44: a vote of an earlier term does not count in a later one', (t) => {
  const place = world(3);
  place.peer(1).node.campaign();
  place.settle(1);
  place.peer(1).node.campaign();
  place.settle(1);

  say(place, 'MsgVoteResp', 1, { from: 2, term: 1 });

  t.is(place.peer(1).node.status().role, 'candidate');
});

test('etcd#8501: a candidate from before pre-vote hears of a later term and gets on', (t) => {
  const place = world(3, { preVote: true, checkQuorum: true });
  withDisk(place, 1, 5, entries(1));
  withDisk(place, 2, 3, entries(1, 2));
  withDisk(place, 3, 3, entries(1, 2));
  place.crash(3);

  place.ticks(60);

  t.is(place.leaders()[0]?.id, 2);
});

test('hashicorp#524: a peer that was removed does not disturb who hears a leader', (t) => {
  const place = world(4, { preVote: false, checkQuorum: true });
  place.elect(1);
  place.change(1, { ...joint, changes: [remove(4)] });
  place.run(without(4));
  place.ticks(1, without(4));
  const { term } = place.peer(1).node.status();

  place.peer(4).node.campaign();
  place.run();
  place.ticks(1);

  t.is(place.peer(1).node.status().role, 'leader');
  t.is(place.peer(2).node.status().term, term);
});

test('etcd#12136: a leader that was elected in the joint configuration leaves it', (t) => {
  const place = world(3);
  place.elect(1);
  place.join(4);
  place.change(1, { transition: 'joint-implicit', changes: [add(4)] });
  const hasLeave = ({ entries: sent }: Message) =>
    sent.some(({ type, data }) => type !== undefined && data.length === 0);
  place.run((message) => !hasLeave(message));
  t.deepEqual(place.peer(2).node.status().confState.votersOutgoing, [1, 2, 3]);
  place.crash(1);

  place.elect(2);
  place.ticks(5);

  t.deepEqual(place.peer(2).node.status().confState.votersOutgoing, []);
  t.deepEqual(place.peer(2).node.status().confState.voters, [1, 2, 3, 4]);
});

test('etcd#12582: a second request to leave the joint configuration is an empty entry', (t) => {
  const place = world(3);
  place.elect(1);
  place.change(1, { transition: 'joint-explicit', changes: [learn(3)] });
  place.run();

  for (let time = 0; time < 2; time += 1) place.change(1, { ...joint, changes: [] });
  place.run();

  t.deepEqual(place.peer(1).node.status().confState.learners, [3]);
  t.is(place.peer(1).node.status().commit, 4);
});

test('cockroach#105578: a leader that is being removed leads until the joint configuration is left', (t) => {
  const place = world(3, { ...plain, stepDownOnRemoval: true });
  place.elect(1);
  place.change(1, { transition: 'joint-explicit', changes: [remove(1)] });
  place.run();
  t.is(place.peer(1).node.status().role, 'leader');

  place.change(1, { ...joint, changes: [] });
  place.run();

  t.is(place.peer(1).node.status().role, 'follower');
  t.deepEqual(place.confState.voters, [2, 3]);
});

test('etcd#10563: removing the leader of two leaves a cluster of one that works', (t) => {
  const place = world(2, { ...plain, stepDownOnRemoval: true });
  place.elect(1);
  place.change(1, { transition: 'joint-implicit', changes: [remove(1)] });
  place.run();
  place.crash(1);

  place.elect(2);
  place.propose(2, 'alone');
  place.run();

  t.is(place.peer(2).node.status().commit, place.peer(2).node.status().lastIndex);
});

test('etcd#10563: a leader that is being removed leaves nobody with more of the log than who remains', (t) => {
  const place = world(3, { ...plain, stepDownOnRemoval: true });
  place.elect(1);
  place.change(1, { transition: 'joint-implicit', changes: [remove(1), remove(3)] });
  const acknowledgesLeaving = ({ from, type, index }: Message) => from === 2 && type === 'MsgAppResp' && index >= 3;
  place.run((message) => !acknowledgesLeaving(message));
  t.deepEqual(place.peer(1).node.status().confState.votersOutgoing, [1, 2, 3]);

  // Peer 2 has the entry that leaves it the only voter. What came after that one would be at peers 1 and 3 alone.
  place.propose(1, 'after that');
  place.run((message) => message.to !== 2);
  place.deliver(makeMessage('MsgAppResp', 1, { from: 2, term: 1, index: 3 }));
  place.run((message) => message.to !== 2);
  place.crash(1);
  place.ticks(60);

  t.deepEqual(place.confState.voters, [2]);
  t.is(place.leaders()[0]?.id, 2);
});

test('openraft#1808: the membership is that of the snapshot that was installed', (t) => {
  const place = world(3);
  place.elect(1);
  for (const id of [4, 5]) place.join(id);
  place.change(1, { ...joint, changes: [add(4), add(5), remove(2), remove(3)] });
  place.run(without(3));
  place.ticks(3, without(3));
  place.compact(1, 0);
  place.change(1, { ...joint, changes: [add(3)] });

  place.ticks(40);

  t.deepEqual(place.peer(3).node.status().confState.voters, [1, 3, 4, 5]);
  t.deepEqual(place.peer(3).disk.snapshot?.metadata.confState?.voters, [1, 4, 5]);
});

test('openraft#559: an installed snapshot leaves nothing of a log that conflicts with it', (t) => {
  const place = world(3);
  withDisk(place, 1, 2, entries(1, 1, 1, 1));
  const snapshot = { metadata: { index: 3, term: 2 }, data: new Uint8Array(0) };

  const [answer] = say(place, 'MsgSnap', 1, { from: 2, term: 2, snapshot });

  t.is(answer?.index, 3);
  t.is(place.peer(1).node.status().lastIndex, 3);
});

test('hashicorp#248: an older snapshot does not replace a newer one', (t) => {
  const place = world(1);
  place.elect(1);
  for (const text of ['a', 'b', 'c']) place.propose(1, text);
  place.settle(1);
  const { node } = place.peer(1);
  const at = (index: number) => ({ metadata: { index, term: 1 }, data: new Uint8Array(0) });

  node.compact(at(4), 3);
  node.compact(at(2), 2);

  t.is(node.status().snapshotIndex, 4);
  t.is(node.status().firstIndex, 4);
});

test('etcd#2676: a commit index beyond the log stops the peer, for its log was lost', (t) => {
  const place = world(3);

  t.throws(() => say(place, 'MsgHeartbeat', 1, { from: 2, term: 1, commit: 7 }), { message: /was the log lost/ });
});

test('redisraft#13: two peers that take each other for leader do not pass a proposal to and fro', (t) => {
  const place = world(3);
  say(place, 'MsgHeartbeat', 1, { from: 2, term: 1 });

  const passedOn = say(place, 'MsgProp', 1, { from: 2, entries: entries(0) });

  t.deepEqual(passedOn, []);
});

test('etcd-io/raft#54: what a rejection takes back takes nothing from what may be under way later', (t) => {
  const place = world(3, { ...plain, limits: { ...testLimits, maxInflightBytes: 64 } });
  place.elect(1);
  for (let round = 0; round < 50; round += 1) {
    place.propose(1, 'x'.repeat(30));
    place.run(without(3));
    place.peer(1).node.reportUnreachable(3);
  }

  place.ticks(60);

  t.is(place.peer(3).node.status().commit, place.peer(1).node.status().lastIndex);
});

test('cockroach#27983: a leader without a quorum does not gather proposals without bound', (t) => {
  const place = world(3);
  place.elect(1);
  const answers = Array.from({ length: 100 }, () => place.peer(1).node.propose([Buffer.alloc(100)]));

  t.true(answers.filter(({ isAccepted }) => isAccepted).length <= 11);
});

test('openraft#d60f1e85: a learner counts for no majority', (t) => {
  const place = world(3);
  place.elect(1);
  place.join(4);
  place.change(1, { ...joint, changes: [learn(4), learn(3)] });
  place.run();
  t.deepEqual(place.confState.learners, [3, 4]);
  const { commit } = place.peer(1).node.status();

  place.propose(1, 'only learners hear of it');
  place.run(without(2));
  place.ticks(3, without(2));

  t.is(place.peer(1).node.status().commit, commit);
});

test('CCF#5674: a leader that becomes a follower keeps its log until a leader’s conflicts with it', (t) => {
  const place = world(3);
  place.elect(1);
  place.propose(1, 'kept');
  place.settle(1);
  const { lastIndex } = place.peer(1).node.status();

  say(place, 'MsgHeartbeat', 1, { from: 2, term: 9 });

  t.is(place.peer(1).node.status().lastIndex, lastIndex);
});

test('raft-rs: a voter with a higher priority refuses who has no more of the log, and elects who has', (t) => {
  const place = world(3, { ...plain, priority: 2 });

  const [refused] = say(place, 'MsgVote', 1, { from: 2, term: 1, priority: 1 });
  const [granted] = say(place, 'MsgVote', 1, { from: 2, term: 2, priority: 1, index: 1, logTerm: 1 });

  t.true(refused?.reject);
  t.false(granted?.reject);
});

test('a change of membership that is applied late does not undo that of a snapshot which has come meanwhile', (t) => {
  const place = world(3, { ...plain, asyncStorageWrites: true });
  place.elect(1);
  const { node } = place.peer(3);
  const confState = { voters: [1, 2, 3, 5], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const snapshot = { metadata: { index: 9, term: 1, confState }, data: new Uint8Array(0) };
  place.deliver(makeMessage('MsgSnap', 3, { from: 1, term: 1, snapshot }));

  node.applyConfChange({ version: 1, type: 'RemoveNode', nodeId: 2 }, 4);

  t.deepEqual(node.status().confState, confState);
});
