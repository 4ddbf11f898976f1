// One test per claim of the paper and of the thesis (the sections are in the titles). Peers talk through `World`, or a
// single peer is spoken to by hand.
import test from 'ava';
import { type Message, makeMessage } from './messages.ts';
import { entries, plain, say, withDisk, world } from './scenarios-for-tests.ts';

test('§5.1: a peer that hears of a later term follows it, a leader included', (t) => {
  const place = world(3, plain);
  const leader = place.elect(1);

  say(place, 'MsgApp', 1, { from: 2, term: 5, index: 0, logTerm: 0 });

  const { role, term, lead } = leader.node.status();
  t.deepEqual({ role, term, lead }, { role: 'follower', term: 5, lead: 2 });
});

test('§5.1: a message of an earlier term changes nothing', (t) => {
  const place = world(3, plain);
  withDisk(place, 1, 4, []);

  say(place, 'MsgApp', 1, { from: 2, term: 3, entries: entries(3) });

  t.is(place.peer(1).node.status().lastIndex, 0);
  t.is(place.peer(1).node.status().term, 4);
});

test('§5.2: a peer grants one vote a term, and a restart does not free it', (t) => {
  const place = world(3, plain);

  const first = say(place, 'MsgVote', 1, { from: 2, term: 1 });
  const other = say(place, 'MsgVote', 1, { from: 3, term: 1 });
  place.crash(1);
  place.restart(1);
  const afterRestart = say(place, 'MsgVote', 1, { from: 3, term: 1 });
  const repeated = say(place, 'MsgVote', 1, { from: 2, term: 1 });

  t.deepEqual(
    [first, other, afterRestart, repeated].map((answers) => answers[0]?.reject),
    [false, true, true, false],
  );
});

test('§5.2: a candidate that steps down in its own term does not vote again in it', (t) => {
  const place = world(3, plain);
  place.peer(1).node.campaign();
  place.settle(1);
  for (const from of [2, 3]) say(place, 'MsgVoteResp', 1, { from, term: 1, reject: true });
  t.is(place.peer(1).node.status().role, 'follower');

  const answers = say(place, 'MsgVote', 1, { from: 3, term: 1 });

  t.true(answers[0]?.reject);
});

test('§5.2: no vote leaves before it is on disk', (t) => {
  const place = world(3, plain);
  place.deliver(makeMessage('MsgVote', 1, { from: 2, term: 1 }));

  place.beginTurn(1);
  t.deepEqual(place.network, []);
  place.endTurn(1);

  t.is(place.network[0]?.type, 'MsgVoteResp');
  t.is(place.peer(1).disk.hardState.vote, 2);
});

test('§5.2: who hears no leader for an election timeout campaigns, and timeouts differ', (t) => {
  const place = world(3, plain);

  place.ticks(60);

  t.is(place.leaders().length, 1);
});

test('§5.3: a follower refuses entries whose predecessor it lacks, and says where to look', (t) => {
  const place = world(3, plain);
  withDisk(place, 1, 3, entries(1, 1, 1));

  const [answer] = say(place, 'MsgApp', 1, { from: 2, term: 3, index: 5, logTerm: 3, entries: [] });

  t.true(answer?.reject);
  t.deepEqual([answer?.rejectHint, answer?.logTerm], [3, 1]);
});

test('§5.3: figure 7: every follower’s log becomes the leader’s', (t) => {
  const leaderLog = entries(1, 1, 1, 4, 4, 5, 5, 6, 6, 6);
  const logs = [
    leaderLog.slice(0, 9),
    leaderLog.slice(0, 4),
    entries(1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6),
    entries(1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7),
    entries(1, 1, 1, 4, 4, 4, 4),
    entries(1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3),
  ];
  const place = world(7, plain);
  withDisk(place, 1, 7, leaderLog);
  logs.forEach((log, at) => {
    withDisk(place, at + 2, 7, log);
  });

  place.elect(1);
  place.propose(1, 'new');
  place.run();

  for (const { id } of place.all) t.deepEqual(place.terms(id), [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8, 8]);
});

test('§5.3: a conflict costs one round a term, not one an entry', (t) => {
  const place = world(3, plain);
  withDisk(place, 1, 3, entries(...Array(50).fill(3)));
  withDisk(place, 2, 3, entries(...Array(50).fill(2)));
  withDisk(place, 3, 3, []);
  let rejections = 0;
  place.peer(1).node.campaign();

  place.run((message) => {
    if (message.type === 'MsgAppResp' && message.from === 2 && message.reject) rejections += 1;
    return true;
  });

  t.is(place.leaders()[0]?.id, 1);
  t.true(rejections > 0 && rejections <= 2, `${rejections} rejections`);
});

test('§5.3: an old message that holds less does not cut the log', (t) => {
  const place = world(3, plain);
  const log = entries(1, 1, 1);
  say(place, 'MsgApp', 1, { from: 2, term: 1, entries: log });

  say(place, 'MsgApp', 1, { from: 2, term: 1, entries: log.slice(0, 1) });

  t.is(place.peer(1).node.status().lastIndex, 3);
});

test('§5.3: a follower commits no further than the entries that it knows to be the leader’s', (t) => {
  const place = world(3, plain);
  withDisk(place, 1, 2, entries(1, 1, 1));
  withDisk(place, 2, 2, entries(1, 2, 2));

  say(place, 'MsgApp', 1, { from: 2, term: 2, index: 1, logTerm: 1, commit: 3 });

  t.is(place.peer(1).node.status().commit, 1);
});

test('§5.4.1: a candidate whose log is behind gets no vote', (t) => {
  const place = world(3, plain);
  withDisk(place, 1, 3, entries(1, 2));

  const olderTerm = say(place, 'MsgVote', 1, { from: 2, term: 4, index: 9, logTerm: 1 });
  const shorter = say(place, 'MsgVote', 1, { from: 2, term: 5, index: 1, logTerm: 2 });
  const asLong = say(place, 'MsgVote', 1, { from: 2, term: 6, index: 2, logTerm: 2 });

  t.deepEqual(
    [olderTerm, shorter, asLong].map((answers) => answers[0]?.reject),
    [true, true, false],
  );
});

test('§5.4.2: figure 8 (logcabin#44): an entry of an earlier term is not committed by counting', (t) => {
  // (c) of the figure: peer 1 leads term 4 and has copied its entry of term 2 to a majority, but none of term 4.
  const place = world(5, plain);
  withDisk(place, 1, 3, entries(1, 2));
  withDisk(place, 2, 3, entries(1, 2));
  withDisk(place, 3, 3, entries(1, 2));
  withDisk(place, 4, 2, entries(1));
  withDisk(place, 5, 3, entries(1, 3));
  place.peer(1).node.campaign();
  const isOfOwnTerm = (message: Message) => message.entries.some(({ term }) => term === 4);

  place.run((message) => message.to !== 5 && !isOfOwnTerm(message));
  const leader = place.peer(1).node;
  t.is(leader.status().role, 'leader');
  t.is(leader.status().commit, 0);
  // Everybody acknowledges what it has: both old entries are at a majority by now, and are still not committed.
  for (const from of [2, 3]) say(place, 'MsgAppResp', 1, { from, term: 4, index: 2 });
  t.is(leader.status().commit, 0);
  place.ticks(2, (message) => message.to !== 5);
  t.is(leader.status().commit, 3);
});

test('§7: a follower that needs what was compacted gets the snapshot, which replaces its log', (t) => {
  const place = world(3, plain);
  withDisk(place, 3, 1, entries(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1));
  withDisk(place, 1, 2, entries(2));
  withDisk(place, 2, 2, entries(2));
  const isToOrFrom3 = ({ to, from }: Message) => to === 3 || from === 3;
  place.peer(1).node.campaign();
  place.run((message) => !isToOrFrom3(message));
  for (const text of ['a', 'b', 'c']) place.propose(1, text);
  place.run((message) => !isToOrFrom3(message));
  place.compact(1, 0);

  place.ticks(40);

  const [leader, behind] = [place.peer(1).node.status(), place.peer(3).node.status()];
  t.is(place.peer(3).disk.snapshot?.metadata.index, 5);
  t.is(behind.lastIndex, leader.lastIndex);
  t.is(behind.commit, leader.commit);
});

test('§8: a leader confirms no read before an entry of its term is committed', (t) => {
  const place = world(3, plain);
  place.peer(1).node.campaign();
  place.run(({ type }) => type !== 'MsgApp');
  t.is(place.leaders()[0]?.id, 1);

  place.read(1, 'early');
  place.run(({ type }) => type !== 'MsgApp');
  t.deepEqual(place.confirmedReads, []);
  place.ticks(2);

  t.deepEqual(place.confirmedReads, [{ context: 'early', index: 1 }]);
});

test('§8: an acknowledgement that is older than the question confirms no read', (t) => {
  const place = world(3, plain);
  place.elect(1);
  place.read(1, 'first');
  place.settle(1);
  const heartbeat = place.network.find(({ type, to }) => type === 'MsgHeartbeat' && to === 2);
  place.network = [];
  place.deliver(heartbeat as Message);
  place.settle(2);
  const oldAnswers = place.network.splice(0);

  place.read(1, 'second');
  place.settle(1);
  place.network = [];
  for (const answer of oldAnswers) place.deliver(answer);
  place.settle(1);

  t.deepEqual(
    place.confirmedReads.map(({ context }) => context),
    ['first'],
  );
});

test('§8: a read asked at a follower is confirmed by the leader', (t) => {
  const place = world(3, plain);
  place.elect(1);

  place.read(2, 'here');
  place.run();

  t.deepEqual(place.confirmedReads, [{ context: 'here', index: 1 }]);
});

test('thesis §9.6: with pre-vote, a peer that was cut off does not disturb the leader when it comes back', (t) => {
  const place = world(3, {});
  place.elect(1);
  const term = place.peer(1).node.status().term;

  place.ticks(100, ({ to, from }) => to !== 3 && from !== 3);
  t.is(place.peer(3).node.status().role, 'pre-candidate');
  place.ticks(40);

  t.is(place.peer(1).node.status().role, 'leader');
  t.is(place.peer(3).node.status().lead, 1);
  t.is(place.peer(1).node.status().term, term);
});

test('thesis §6.2: with check-quorum, a leader that no majority answers steps down', (t) => {
  const place = world(3, {});
  place.elect(1);

  place.ticks(25, ({ to, from }) => to !== 1 && from !== 1);

  t.not(place.peer(1).node.status().role, 'leader');
  t.is(place.leaders().length, 1);
});

test('thesis §4.2.3: who hears its leader neither votes nor enters the later term', (t) => {
  const place = world(3, { preVote: false });
  place.elect(1);
  place.ticks(1);

  const answers = say(place, 'MsgVote', 2, { from: 3, term: 9, index: 9, logTerm: 9 });

  t.deepEqual(answers, []);
  t.is(place.peer(2).node.status().term, 1);
});

test('thesis §10.2.1: a leader counts itself only when its own disk has the entry, also when it is alone', (t) => {
  const place = world(1, {});
  place.elect(1);
  place.propose(1, 'a');

  place.beginTurn(1);
  t.is(place.peer(1).node.status().commit, 1);
  place.endTurn(1);

  t.is(place.peer(1).node.status().commit, 2);
});

test('a write that ends after its entries were replaced does not make the new ones durable', (t) => {
  const place = world(3, plain);
  const peer = place.peer(1);
  place.deliver(makeMessage('MsgApp', 1, { from: 2, term: 1, entries: entries(1, 1) }));
  place.beginTurn(1);
  place.deliver(makeMessage('MsgApp', 1, { from: 3, term: 2, entries: entries(2, 2), commit: 2 }));
  place.endTurn(1);

  // The entries of term 2 are committed, but the disk has those of term 1: nothing may be applied yet.
  place.beginTurn(1);
  t.is(peer.applied, 0);
  t.deepEqual(
    peer.outstanding?.entries.map(({ term }) => term),
    [2, 2],
  );
});

test('a follower whose disk is slow still answers heartbeats', (t) => {
  const place = world(3, plain);
  place.deliver(makeMessage('MsgApp', 1, { from: 2, term: 1, entries: entries(1) }));
  place.beginTurn(1);

  place.deliver(makeMessage('MsgHeartbeat', 1, { from: 2, term: 1 }));
  place.sendMeanwhile(1);

  t.deepEqual(
    place.network.map(({ type }) => type),
    ['MsgHeartbeatResp'],
  );
});
