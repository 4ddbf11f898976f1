import test from 'ava';
import { NotLeaderError, ProposalRefusedError } from '../errors.ts';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { MemoryNetwork } from '../transport/memory.ts';
import { leaderOf, openPeer, type TestPeer, until } from './cluster-for-tests.ts';

const peers = [1, 2, 3, 4].map((id) => ({ id, address: '' }));

async function open(network: MemoryNetwork, directory: string, id: number): Promise<TestPeer> {
  const place = { directory: `${directory}/${id}`, transport: network.transport() };
  return openPeer(id, { ...place, peers, voters: [1, 2, 3], snapshotEveryEntries: 20, trailingEntries: 5 });
}

test('a peer that is added gets everything, and one that is removed stays behind', async (t) => {
  const [network, directory] = [new MemoryNetwork(), await temporaryDirectory()];
  const first = await Promise.all([1, 2, 3].map((id) => open(network, directory, id)));
  const leader = await leaderOf(first);
  for (let at = 0; at < 30; at += 1) await leader.raft.propose(Buffer.from(`${at}`));
  const fourth = await open(network, directory, 4);
  const gone = first.find((peer) => peer !== leader) as TestPeer;
  const voters = [1, 2, 3, 4].filter((id) => id !== gone.raft.status().id);

  await leader.raft.changeMembership({ voters });
  await leader.raft.propose(Buffer.from('after'));

  await until(() => fourth.journal.commands.at(-1) === 'after', 'the fourth has everything');
  t.is(fourth.journal.commands.length, 31);
  t.deepEqual(leader.raft.status().membership.voters, voters);
  for (const { raft } of [...first, fourth]) await raft.close();
});

test('a membership survives a restart of everybody, also when it is only in a snapshot', async (t) => {
  const [network, directory] = [new MemoryNetwork(), await temporaryDirectory()];
  const before = await Promise.all([1, 2, 3].map((id) => open(network, directory, id)));
  const leader = await leaderOf(before);
  await leader.raft.changeMembership({ voters: [1, 2], learners: [3] });
  for (let at = 0; at < 60; at += 1) await (await leaderOf(before)).raft.propose(Buffer.from(`${at}`));
  await until(() => before.every(({ raft }) => raft.status().snapshotIndex > 10), 'all took a snapshot');
  for (const { raft } of before) await raft.close();

  const after = await Promise.all([1, 2, 3].map((id) => open(network, directory, id)));
  await leaderOf(after);

  for (const { raft } of after) t.deepEqual(raft.status().membership.learners, [3]);
  for (const { raft } of after) await raft.close();
});

test('a leader that hands over is followed at once, and a follower cannot hand over', async (t) => {
  const [network, directory] = [new MemoryNetwork(), await temporaryDirectory()];
  const all = await Promise.all([1, 2, 3].map((id) => open(network, directory, id)));
  const leader = await leaderOf(all);
  const other = all.find((peer) => peer !== leader) as TestPeer;

  await t.throwsAsync(other.raft.transferLeadership(), { instanceOf: NotLeaderError });
  const next = await leader.raft.transferLeadership(other.raft.status().id);

  t.is(next, other.raft.status().id);
  for (const { raft } of all) await raft.close();
});

test('a membership that cannot be is refused', async (t) => {
  const [network, directory] = [new MemoryNetwork(), await temporaryDirectory()];
  const all = await Promise.all([1, 2, 3].map((id) => open(network, directory, id)));
  const { raft } = await leaderOf(all);

  for (const target of [{ voters: [] }, { voters: [1, 9] }, { voters: [1, 2], learners: [2] }]) {
    await t.throwsAsync(raft.changeMembership(target), { instanceOf: ProposalRefusedError });
  }
  await t.notThrowsAsync(raft.changeMembership({ voters: [1, 2, 3] }));

  for (const peer of all) await peer.raft.close();
});
