import test from 'ava';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { MemoryNetwork } from '../transport/memory.ts';
import { openPeer, type TestPeer, until } from './cluster-for-tests.ts';
import { ManualClock } from './manual-clock-for-tests.ts';

const tickMs = 100;

/** Three peers with a leader that has answered a read, and is cut off from the others since. */
async function openCutOff(leaseReads: boolean) {
  const network = new MemoryNetwork();
  const directory = await temporaryDirectory();
  const peers: (TestPeer & { readonly clock: ManualClock })[] = [];
  for (const id of [1, 2, 3]) {
    const clock = new ManualClock();
    // Peer 1 campaigns first.
    const own = { directory: `${directory}/${id}`, transport: network.transport(), random: () => (id === 1 ? 0 : 0.9) };
    peers.push({ ...(await openPeer(id, { ...own, clock, leaseReads, tickMs })), clock });
  }
  const leader = await until(() => {
    const found = peers.find(({ raft }) => raft.status().isEstablishedLeader);
    if (found === undefined) for (const { clock } of peers) clock.tick(tickMs);
    return found;
  }, 'a peer leads');
  leader.clock.tick(tickMs);
  await leader.raft.readIndex();
  network.cut(leader.raft.status().id);
  return { peers, leader };
}

test('under a lease the leader answers reads alone, until its process stood still for longer than that', async (t) => {
  const { peers, leader } = await openCutOff(true);

  t.true((await leader.raft.readIndex()) > 0);
  leader.clock.stall(10 * tickMs);
  const read = leader.raft.readIndex({ timeoutMs: tickMs });
  leader.clock.tick(tickMs);

  await t.throwsAsync(read, { name: 'NoLeaderError' });
  t.is(leader.raft.status().role, 'leader');
  for (const { raft } of peers) await raft.close();
});

test('without leases no leader answers a read alone', async (t) => {
  const { peers, leader } = await openCutOff(false);

  const read = leader.raft.readIndex({ timeoutMs: tickMs });
  leader.clock.tick(tickMs);

  await t.throwsAsync(read, { name: 'NoLeaderError' });
  for (const { raft } of peers) await raft.close();
});
