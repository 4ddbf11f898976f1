import test from 'ava';
import { SessionError } from '../errors.ts';
import { MemoryNetwork } from '../transport/memory.ts';
import { closeAll, Journal, leaderOf, openThree, type TestPeer, until } from './cluster-for-tests.ts';
import { ownKinds } from './kinds.ts';
import { Replicated } from './replicated.ts';
import { maxSessionWindow, SessionTable } from './session-table.ts';
import { encodeWrapped, type SessionCommand } from './wrapped.ts';

/** The leader, when all followers have told it which kinds they can apply. */
async function readyLeaderOf(peers: readonly TestPeer[]): Promise<{ leader: TestPeer; followers: TestPeer[] }> {
  const leader = await leaderOf(peers);
  await (await leader.raft.openSession({ timeoutMs: 30_000 })).close();
  return { leader, followers: peers.filter((peer) => peer !== leader) };
}

function command(session: number, serial: number, text: string, answered = 0): SessionCommand {
  return { type: 'session-command', session, serial, answered, data: Buffer.from(text) };
}

test('a command that was passed on twice is applied once, and its session hears what it answered', async (t) => {
  const network = new MemoryNetwork();
  const peers = await openThree(network);
  const { leader, followers } = await readyLeaderOf(peers);
  const [first] = followers as [TestPeer];
  const session = await first.raft.openSession();
  const { id } = first.raft.status();
  let passedOn = 0;
  // What the leader appends does not come back until the follower has lost patience and asked again.
  network.filter((message) => {
    if (message.type === 'MsgProp') passedOn += 1;
    return message.type !== 'MsgApp' || message.to !== id || passedOn > 1;
  });

  const { result } = await session.propose(Buffer.from('once'), { timeoutMs: 30_000 });
  await session.propose(Buffer.from('next'));

  t.is(result, 1);
  t.true(passedOn >= 2);
  t.deepEqual(leader.journal.commands, ['once', 'next']);
  await closeAll(peers);
});

test('a command goes on to the next leader when the one that took it is lost, and is applied once', async (t) => {
  const network = new MemoryNetwork();
  const peers = await openThree(network);
  const { leader: old, followers } = await readyLeaderOf(peers);
  const session = await old.raft.openSession();
  const { id } = old.raft.status();
  // It reaches the others, who will commit it; that they have it does not come back.
  network.filter(({ type, to }) => to !== id || type !== 'MsgAppResp');

  const proposal = session.propose(Buffer.from('once'), { timeoutMs: 60_000 });
  await until(
    () => followers.every(({ raft }) => raft.status().lastIndex === old.raft.status().lastIndex),
    'all have it',
  );
  network.cut(id);
  const next = await leaderOf(followers);
  network.filter(() => true);
  network.heal(id);

  t.is((await proposal).result, 1);
  await (await next.raft.openSession()).propose(Buffer.from('later'));
  await until(() => peers.every(({ journal }) => journal.commands.at(-1) === 'later'), 'all have the later command');
  for (const { journal } of peers) t.deepEqual(journal.commands, ['once', 'later']);
  await closeAll(peers);
});

test('etcd#18424: a command that ran out of time is repeated under its number, and applied once', async (t) => {
  const network = new MemoryNetwork();
  const peers = await openThree(network);
  const { leader } = await readyLeaderOf(peers);
  const session = await leader.raft.openSession();
  network.filter(({ type }) => type !== 'MsgAppResp');

  const lost = await t.throwsAsync(session.propose(Buffer.from('once'), { timeoutMs: 60 }), {
    instanceOf: SessionError,
  });
  network.filter(() => true);
  const { serial } = lost as SessionError;
  const again = await session.propose(Buffer.from('once'), { serial, timeoutMs: 30_000 });

  t.is((lost as SessionError).code, 'session.unknown');
  t.is(again.result, 1);
  await until(() => peers.every(({ journal }) => journal.commands.length === 1), 'all have it once');
  await closeAll(peers);
});

test('what became of a command is unknown when its peer ends, and another peer goes on with the session', async (t) => {
  const network = new MemoryNetwork();
  const peers = await openThree(network);
  const { leader, followers } = await readyLeaderOf(peers);
  const [first, second] = followers as [TestPeer, TestPeer];
  const session = await first.raft.openSession();
  const { id } = first.raft.status();
  network.filter(({ type, to }) => type !== 'MsgApp' || to !== id);

  const lost = session.propose(Buffer.from('once'), { timeoutMs: 60_000 }).catch((error) => error);
  await until(() => leader.journal.commands.length === 1, 'the leader applied it');
  await first.raft.close();
  const { code, serial } = (await lost) as SessionError;
  const resumed = await second.raft.openSession({ resume: { id: session.id, serial } });
  const again = await resumed.propose(Buffer.from('once'), { timeoutMs: 30_000 });
  const next = await resumed.propose(Buffer.from('next'), { timeoutMs: 30_000 });

  t.is(code, 'session.unknown');
  t.deepEqual([again.result, again.serial, next.serial], [1, 1, 2]);
  t.deepEqual(leader.journal.commands, ['once', 'next']);
  await closeAll([leader, second]);
});

test('a session that is not used expires on all peers, and says so', async (t) => {
  const peers = await openThree(new MemoryNetwork(), () => ({ sessionTimeoutMs: 300 }));
  const { leader } = await readyLeaderOf(peers);
  const session = await leader.raft.openSession();

  const expired = async () => {
    const index = leader.raft.status().commitIndex;
    await until(() => leader.raft.status().commitIndex > index, 'the leader closed it');
    return session.propose(Buffer.from('late'));
  };

  const error = await t.throwsAsync(expired(), { instanceOf: SessionError });
  t.is((error as SessionError).code, 'session.expired');
  t.deepEqual(leader.journal.commands, []);
  await closeAll(peers);
});

test('a session that is used does not expire when the leader thought it idle', (t) => {
  const table = new SessionTable();
  const id = table.open('key', 7) ?? 0;
  table.command(command(id, 1, 'a'), 8, () => 'done');

  table.expire([{ id, usedIndex: 7 }]);
  t.true(table.has(id));
  table.expire([{ id, usedIndex: 8 }]);
  t.false(table.has(id));
  t.deepEqual(
    table.command(command(id, 2, 'b'), 9, () => t.fail()),
    { type: 'expired' },
  );
});

test('a question that is asked again opens no second session', (t) => {
  const table = new SessionTable();

  t.is(table.open('key', 7), 7);
  t.is(table.open('key', 8), 7);
  t.is(table.size, 1);
});

test('what a client waits for no more, or never may, is not applied', (t) => {
  const table = new SessionTable();
  const id = table.open('key', 1) ?? 0;
  table.command(command(id, 3, 'c', 2), 2, () => 'done');

  t.deepEqual(
    table.command(command(id, 2, 'late', 0), 3, () => t.fail()),
    { type: 'out-of-window' },
  );
  t.deepEqual(
    table.command(command(id, 3 + maxSessionWindow, 'far', 2), 4, () => t.fail()),
    { type: 'out-of-window' },
  );
});

test('a snapshot has the answers of sessions, and one without sessions is the bytes of the state machine', (t) => {
  const open = () => {
    const journal = new Journal();
    return { journal, replicated: new Replicated(journal, ownKinds()) };
  };
  const before = open();
  t.deepEqual(before.replicated.snapshot(), before.journal.snapshot());
  before.replicated.apply({ index: 1, term: 1, ...encodeWrapped({ type: 'session-open', key: 'key' }) });
  const entry = { index: 2, term: 1, ...encodeWrapped(command(1, 1, 'once')) };
  before.replicated.apply(entry);

  const after = open();
  after.replicated.restore(before.replicated.snapshot());
  let answer: unknown;
  after.replicated.listener = {
    opened: () => t.fail(),
    closed: () => t.fail(),
    restored: () => t.fail(),
    commanded: (_session, _serial, outcome) => {
      answer = outcome;
    },
  };
  after.replicated.apply({ ...entry, index: 3 });

  t.deepEqual(after.journal.commands, ['once']);
  t.deepEqual(answer, { type: 'applied', index: 2, result: 1 });
});
