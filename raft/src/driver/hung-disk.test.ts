import test from 'ava';
import { makeMessage } from '../core/messages.ts';
import { NoLeaderError, NotLeaderError, ProposalRefusedError, ProposalUnknownError } from '../errors.ts';
import { type Disk, type DiskFile, realDisk } from '../storage/disk.ts';
import { MemoryNetwork } from '../transport/memory.ts';
import { closeAll, leaderOf, openThree, type TestPeer, until } from './cluster-for-tests.ts';
import type { RaftEvent } from './options.ts';

/** The real disk, whose syncs do not return while it hangs. */
class HangingDisk {
  #answers = Promise.resolve();
  #answer: () => void = () => undefined;

  hang(): void {
    this.#answers = new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  answer(): void {
    this.#answer();
  }

  disk(): Disk {
    const wrap = (file: DiskFile): DiskFile => ({
      read: (position, length) => file.read(position, length),
      write: (data, position) => file.write(data, position),
      truncate: (length) => file.truncate(length),
      sync: async () => {
        await this.#answers;
        await file.sync();
      },
      close: () => file.close(),
    });
    return {
      ...realDisk,
      openFile: async (path) => wrap(await realDisk.openFile(path)),
      createFile: async (path) => wrap(await realDisk.createFile(path)),
    };
  }
}

interface HangingPeer extends TestPeer {
  readonly disk: HangingDisk;
  readonly events: readonly RaftEvent[];
}

/** What `openPeer` makes of the defaults. */
const electionMs = 500;

async function openHanging(network: MemoryNetwork): Promise<HangingPeer[]> {
  const disks = [1, 2, 3].map(() => new HangingDisk());
  const events: RaftEvent[][] = [[], [], []];
  const peers = await openThree(network, (id) => ({
    disk: (disks[id - 1] as HangingDisk).disk(),
    log: (event) => events[id - 1]?.push(event),
  }));
  return peers.map((peer, at) => ({ ...peer, disk: disks[at] as HangingDisk, events: events[at] ?? [] }));
}

async function split(peers: readonly HangingPeer[]): Promise<{ leader: HangingPeer; others: HangingPeer[] }> {
  const { raft } = await leaderOf(peers);
  const leader = peers.find((peer) => peer.raft === raft) as HangingPeer;
  return { leader, others: peers.filter((peer) => peer !== leader) };
}

function isHung({ raft }: TestPeer): boolean {
  return raft.metrics().find(({ name }) => name === 'raft_disk_hung')?.samples[0]?.value === 1;
}

const errorOf = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => undefined).catch((error) => error);

for (const hears of ['takes over', 'does not hear that it is to take over']) {
  test(`etcd#15247: a leader whose disk hangs makes way, also when the successor ${hears}`, async (t) => {
    const network = new MemoryNetwork();
    if (hears !== 'takes over') network.filter(({ type }) => type !== 'MsgTimeoutNow');
    const peers = await openHanging(network);
    const { leader: old, others } = await split(peers);
    await old.raft.propose(Buffer.from('before'));

    old.disk.hang();
    const hungAtMs = Date.now();
    const during = errorOf(old.raft.propose(Buffer.from('during'), { timeoutMs: 60_000 }));
    const next = await leaderOf(others);
    await next.raft.propose(Buffer.from('after'));
    // One until it is noticed, one for the transfer, at most two until somebody campaigns; and the machine is busy.
    t.true(Date.now() - hungAtMs < 20 * electionMs);

    t.true((await during) instanceof ProposalUnknownError);
    t.true((await errorOf(old.raft.propose(Buffer.from('refused')))) instanceof NotLeaderError);
    // What the others committed is not on this disk, so no read that must show it is answered here.
    t.true((await errorOf(old.raft.readIndex({ timeoutMs: 100 }))) instanceof NoLeaderError);
    t.true(isHung(old));
    const given = old.events.filter(({ type }) => type === 'leadership-given-up');
    t.deepEqual(
      given.map((event) => 'to' in event && event.to !== undefined),
      hears === 'takes over' ? [true] : [true, false],
    );

    old.disk.answer();
    await until(() => old.journal.commands.includes('after'), 'the peer caught up');
    t.false(isHung(old));
    t.deepEqual(
      old.events.map(({ type }) => type).filter((type) => type.startsWith('disk-')),
      ['disk-hangs', 'disk-answers'],
    );
    await until(() => others.every(({ journal }) => journal.commands.length === 3), 'all have all');
    for (const { journal } of peers) t.deepEqual(journal.commands, ['before', 'during', 'after']);
    t.is(old.raft.status().role, 'follower');
    await closeAll(peers);
  });
}

test('a leader leads on while its disk hangs and the others have not written more, and answers reads', async (t) => {
  const peers = await openHanging(new MemoryNetwork());
  const { leader } = await split(peers);
  const { index } = await leader.raft.propose(Buffer.from('before'));
  const { term } = leader.raft.status();

  for (const { disk } of peers) disk.hang();
  const proposal = leader.raft.propose(Buffer.from('during'), { timeoutMs: 60_000 });
  await until(() => peers.every(isHung), 'all have noticed');
  await new Promise((resolve) => setTimeout(resolve, 2 * electionMs));
  t.is(await leader.raft.readIndex(), index);
  for (const { disk } of peers) disk.answer();

  t.is((await proposal).result, 2);
  t.is(leader.raft.status().term, term);
  await closeAll(peers);
});

test('a follower whose disk hangs takes no leadership over and does not campaign', async (t) => {
  const network = new MemoryNetwork();
  const peers = await openHanging(network);
  const { leader, others } = await split(peers);
  const [hung] = others as [HangingPeer];
  const { id, term } = hung.raft.status();
  hung.disk.hang();
  await leader.raft.propose(Buffer.from('during'));
  await until(() => isHung(hung), 'it has noticed');

  const from = leader.raft.status().id;
  network.transport().send([makeMessage('MsgTimeoutNow', id, { from, term })]);
  t.true((await errorOf(leader.raft.transferLeadership(id))) instanceof ProposalRefusedError);
  network.cut(id);
  await new Promise((resolve) => setTimeout(resolve, 4 * electionMs));
  t.deepEqual([hung.raft.status().role, hung.raft.status().term], ['follower', term]);

  network.heal(id);
  hung.disk.answer();
  await until(() => hung.journal.commands.includes('during'), 'it caught up');
  t.is(leader.raft.status().term, term);
  await closeAll(peers);
});
