// Bugs that other implementations of Raft had with their logs, snapshots, reads and flow control, named by where they
// were reported. Those of elections and memberships are in `known-bugs.test.ts`.
import test from 'ava';
import { type Message, makeMessage } from './messages.ts';
import { add, entries, learn, plain, remove, say, withDisk, without, world } from './scenarios-for-tests.ts';

const joint = { transition: 'joint-implicit' } as const;

test('braft#182: a new leader changes no members before everything of its predecessors is applied', (t) => {
  const place = world(4);
  place.elect(1);
  place.change(1, { ...joint, changes: [remove(4)] });
  place.settle(1);
  const append = place.network.find(({ to, entries: sent }) => to === 2 && sent.length > 0);
  place.network = [];
  place.deliver(append as Message);
  place.settle(2);
  place.crash(1);
  place.network = [];
  place.peer(2).node.campaign();
  place.run(({ type }) => type === 'MsgVote' || type === 'MsgVoteResp');
  t.is(place.peer(2).node.status().role, 'leader');

  place.change(2, { ...joint, changes: [remove(3)] });
  place.run();
  place.ticks(3);

  t.deepEqual(place.confState.voters, [1, 2, 3]);
});

test('sofa-jraft#26: a lease goes on ending while the process stands still', (t) => {
  const place = world(3, { preVote: true, checkQuorum: true, readOnly: 'lease-based' });
  place.elect(1);
  const { node } = place.peer(1);
  node.measureTime(1);
  place.ticks(1);
  place.read(1, 'under the lease');
  place.settle(1);
  t.is(place.confirmedReads.length, 1);

  // No tick came, and yet so much time has passed.
  node.measureTime(9);
  place.read(1, 'after the pause');
  place.beginTurn(1);

  t.is(place.confirmedReads.length, 1);
});

test('openraft#1796: an election in the joint configuration needs both majorities, and gets them', (t) => {
  const place = world(3, { preVote: true, checkQuorum: true });
  place.elect(1);
  for (const id of [4, 5]) place.join(id);
  place.change(1, { transition: 'joint-explicit', changes: [add(4), add(5), remove(2), remove(3)] });
  place.run();
  place.ticks(2);
  place.crash(1);

  place.ticks(40, without(4));
  t.deepEqual(place.leaders(), []);
  place.ticks(60);

  t.is(place.leaders().length, 1);
});

test('a candidate leads only when its own vote is on its disk, or it could win the same term twice', (t) => {
  const place = world(3);
  place.peer(1).node.campaign();
  place.beginTurn(1);
  for (const id of [2, 3]) {
    place.settle(id);
    for (const message of place.network.splice(0)) place.deliver(message);
    place.settle(id);
  }
  for (const from of [2, 3]) place.deliver(makeMessage('MsgVoteResp', 1, { from, term: 1 }));
  t.is(place.peer(1).node.status().role, 'candidate');

  place.settle(1);

  t.is(place.peer(1).node.status().role, 'leader');
});

test('openraft#1839: a leader that is told to campaign leads on', (t) => {
  const place = world(3);
  place.elect(1);

  place.peer(1).node.campaign();
  place.run();

  const { role, term } = place.peer(1).node.status();
  t.deepEqual({ role, term }, { role: 'leader', term: 1 });
});

test('hashicorp#704: after a snapshot the log goes on, and none is sent again', (t) => {
  const place = world(3);
  withDisk(place, 3, 1, entries(1, 1, 1, 1, 1, 1, 1, 1));
  for (const id of [1, 2]) withDisk(place, id, 2, entries(2));
  place.peer(1).node.campaign();
  place.run(without(3));
  for (const text of ['a', 'b']) place.propose(1, text);
  place.run(without(3));
  place.compact(1, 0);
  let snapshots = 0;
  const counting = (message: Message) => {
    if (message.type === 'MsgSnap') snapshots += 1;
    return true;
  };

  place.ticks(30, counting);
  place.propose(1, 'c');
  place.run(counting);

  t.is(snapshots, 1);
  t.is(place.peer(3).node.status().lastIndex, place.peer(1).node.status().lastIndex);
});

test('openraft#9540c904: an append that repeats what the log has keeps what comes after it', (t) => {
  const place = world(3);
  const first = entries(1);
  say(place, 'MsgApp', 1, { from: 2, term: 1, entries: entries(1, 1, 1) });

  say(place, 'MsgApp', 1, { from: 2, term: 1, entries: first });

  t.deepEqual(place.terms(1), [1, 1, 1]);
});

test('canonical/raft#355: what is committed is never cut off, whoever asks for it', (t) => {
  const place = world(3);
  place.elect(1);
  place.propose(1, 'a');
  place.run();
  t.is(place.peer(2).node.status().commit, 2);

  const [answer] = say(place, 'MsgApp', 2, { from: 3, term: 2, index: 1, logTerm: 1, entries: entries(1, 2).slice(1) });

  t.deepEqual([answer?.reject, answer?.index], [false, 2]);
  t.deepEqual(place.terms(2), [1, 1]);
});

test('etcd#14370: the only voter commits nothing that its disk does not have', (t) => {
  const place = world(1);
  place.elect(1);
  const { commit } = place.peer(1).node.status();
  place.propose(1, 'a');

  place.beginTurn(1);
  t.is(place.peer(1).node.status().commit, commit);
  place.endTurn(1);

  t.is(place.peer(1).node.status().commit, commit + 1);
});

test('etcd-io/raft#52: a peer that was unreachable is sent entries again as soon as it answers', (t) => {
  const place = world(3);
  place.elect(1);
  place.propose(1, 'lost');
  place.run(without(3));
  place.peer(1).node.reportUnreachable(3);

  place.ticks(2);

  t.is(place.peer(1).node.status().progress.get(3)?.state, 'replicate');
  t.is(place.peer(3).node.status().commit, place.peer(1).node.status().commit);
});

test('c5#263: who answers a heartbeat acknowledges no entry by it', (t) => {
  const place = world(3);
  place.elect(1);
  place.propose(1, 'a');
  place.settle(1);
  const { commit } = place.peer(1).node.status();

  for (const from of [2, 3]) say(place, 'MsgHeartbeatResp', 1, { from, term: 1 });

  t.is(place.peer(1).node.status().commit, commit);
});

test('redpanda#1940: a leader’s heartbeats leave while its disk is busy', (t) => {
  const place = world(3);
  place.elect(1);
  place.propose(1, 'a');
  place.beginTurn(1);
  place.network = [];

  place.peer(1).node.tick();
  place.sendMeanwhile(1);

  t.deepEqual(
    place.network.map(({ type }) => type),
    ['MsgHeartbeat', 'MsgHeartbeat'],
  );
});

test('libraft#16: a heartbeat that comes again from an earlier term keeps no dead leader alive', (t) => {
  const place = world(3, { ...plain, randomElectionTicks: () => 10 });
  place.elect(1);
  say(place, 'MsgHeartbeat', 2, { from: 3, term: 2 });
  place.network = [];

  for (let tick = 0; tick < 10; tick += 1) {
    say(place, 'MsgHeartbeat', 2, { from: 1, term: 1 });
    place.peer(2).node.tick();
  }

  t.is(place.peer(2).node.status().role, 'candidate');
});

test('the only voter that is left leads again when it has lost how far it had committed', (t) => {
  const place = world(3, { preVote: true, checkQuorum: true });
  place.elect(1);
  place.change(1, { transition: 'joint-implicit', changes: [learn(2), learn(3)] });
  place.run();
  place.ticks(2);
  t.deepEqual(place.confState.voters, [1]);

  // The learners have an entry that the voter's disk has not, and that the joint configuration was left only they know.
  place.propose(1, 'not yet on its disk');
  place.beginTurn(1);
  for (const id of [2, 3]) for (const message of place.network.filter(({ to }) => to === id)) place.deliver(message);
  for (const id of [2, 3]) place.settle(id);
  place.network = [];
  place.crash(1);
  const { disk } = place.peer(1);
  // Entry 2 begins the joint configuration, entry 3 ends it.
  disk.hardState = { ...disk.hardState, commit: 2 };
  place.restart(1);
  place.settle(1);
  t.deepEqual(place.peer(1).node.status().confState.votersOutgoing, [1, 2, 3]);
  t.true(place.terms(2).length > place.terms(1).length);

  place.ticks(60);

  t.is(place.leaders()[0]?.id, 1);
});
