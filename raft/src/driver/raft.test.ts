import test from 'ava';
import { NotLeaderError } from '../errors.ts';
import { MemoryNetwork } from '../transport/memory.ts';
import { leaderOf, openPeer, type TestPeer, temporaryDirectory, until } from './cluster-for-tests.ts';
import type { RaftOptions } from './options.ts';

async function openThree(network: MemoryNetwork, directory: string, options: Partial<RaftOptions> = {}) {
  const peers: TestPeer[] = [];
  for (const id of [1, 2, 3]) {
    peers.push(await openPeer(id, { directory: `${directory}/${id}`, transport: network.transport(), ...options }));
  }
  return peers;
}

test('a proposal resolves with what the state machine returned, once a majority has it', async (t) => {
  const peers = await openThree(new MemoryNetwork(), await temporaryDirectory());
  const leader = await leaderOf(peers);

  const first = await leader.raft.propose(Buffer.from('a'));
  const second = await leader.raft.propose(Buffer.from('b'));

  t.is(first.result, 1);
  t.is(second.result, 2);
  t.is(second.index, first.index + 1);
  await until(() => peers.every(({ journal }) => journal.commands.join() === 'a,b'), 'all peers applied both');
  for (const { raft } of peers) await raft.close();
});

test('a follower refuses a proposal and names the leader', async (t) => {
  const peers = await openThree(new MemoryNetwork(), await temporaryDirectory());
  const leader = await leaderOf(peers);
  const follower = peers.find((peer) => peer !== leader) as TestPeer;

  const error = await t.throwsAsync(follower.raft.propose(Buffer.from('a')), { instanceOf: NotLeaderError });

  t.is(error?.leaderId, leader.raft.status().id);
  for (const { raft } of peers) await raft.close();
});

test('a cluster of one leads, commits, and has everything after a restart', async (t) => {
  const directory = await temporaryDirectory();
  const alone = { directory, peers: [{ id: 1, address: '' }] };
  const before = await openPeer(1, { ...alone, transport: new MemoryNetwork().transport() });
  await leaderOf([before]);
  await before.raft.propose(Buffer.from('a'));
  t.is(await before.raft.readIndex(), before.raft.status().appliedIndex);
  await before.raft.close();

  const after = await openPeer(1, { ...alone, transport: new MemoryNetwork().transport() });

  await leaderOf([after]);
  t.deepEqual(after.journal.commands, ['a']);
  await after.raft.close();
});
