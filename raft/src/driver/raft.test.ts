import test from 'ava';
import {
  ClosedError,
  NoLeaderError,
  NotLeaderError,
  ProposalRefusedError,
  ProposalUnknownError,
  StorageFailedError,
} from '../errors.ts';
import { type Disk, realDisk } from '../storage/disk.ts';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { MemoryNetwork } from '../transport/memory.ts';
import { leaderOf, openPeer, type TestPeer, until } from './cluster-for-tests.ts';
import { maxProposalBytes } from './config.ts';
import { ManualClock } from './manual-clock-for-tests.ts';
import type { RaftOptions, RaftStatus } from './options.ts';

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

test('a follower whose process stood still waits a whole election timeout before it campaigns', async (t) => {
  const clock = new ManualClock();
  const transport = new MemoryNetwork().transport();
  const options = { directory: await temporaryDirectory(), transport, clock, tickMs: 100, random: () => 0 };
  const { raft } = await openPeer(1, options);
  for (let tick = 0; tick < 9; tick += 1) clock.tick(100);

  clock.tick(10_000);
  t.is(raft.status().role, 'follower');
  for (let tick = 0; tick < 8; tick += 1) clock.tick(100);
  t.is(raft.status().role, 'follower');
  clock.tick(100);

  t.is(raft.status().role, 'pre-candidate');
  await raft.close();
});

test('a leader is told to be one when it has applied an entry of its own term', async (t) => {
  const network = new MemoryNetwork();
  const seen: RaftStatus[] = [];
  const log: RaftOptions['log'] = (event) => event.type === 'status' && seen.push(event.status);
  const peers = await openThree(network, await temporaryDirectory(), { log });

  const leader = await leaderOf(peers);

  const { id, term } = leader.raft.status();
  const steps = seen.filter((status) => status.id === id && status.term === term && status.role === 'leader');
  t.deepEqual(
    steps.map(({ isEstablishedLeader }) => isEstablishedLeader),
    [false, true],
  );
  t.true((steps[1]?.appliedIndex ?? 0) > (steps[0]?.appliedIndex ?? 0));
  for (const { raft } of peers) await raft.close();
});

test('a leader that is cut off does not know what became of its proposals, and another takes over', async (t) => {
  const network = new MemoryNetwork();
  const peers = await openThree(network, await temporaryDirectory());
  const old = await leaderOf(peers);

  network.cut(old.raft.status().id);
  // Longer than any test waits: it is the lost leadership that ends this, and not the time.
  const proposal = old.raft.propose(Buffer.from('lost'), { timeoutMs: 3_600_000 });
  const lost = await t.throwsAsync(proposal, { instanceOf: ProposalUnknownError });
  const next = await leaderOf(peers.filter((peer) => peer !== old));
  await next.raft.propose(Buffer.from('kept'));
  network.heal(old.raft.status().id);

  await until(() => peers.every(({ journal }) => journal.commands.includes('kept')), 'all have the later command');
  t.truthy(lost?.index);
  for (const { raft, journal } of peers) {
    t.deepEqual(journal.commands, ['kept']);
    await raft.close();
  }
});

test('a proposal that is not committed in time is unknown, and a read that nobody confirms is refused', async (t) => {
  const network = new MemoryNetwork();
  const peers = await openThree(network, await temporaryDirectory());
  const leader = await leaderOf(peers);
  network.filter(({ type }) => type !== 'MsgAppResp' && type !== 'MsgHeartbeatResp');

  const proposal = leader.raft.propose(Buffer.from('a'), { timeoutMs: 60 });
  const read = leader.raft.readIndex({ timeoutMs: 60 });

  await t.throwsAsync(proposal, { instanceOf: ProposalUnknownError });
  await t.throwsAsync(read, { instanceOf: NoLeaderError });
  for (const { raft } of peers) await raft.close();
});

test('a read whose messages were lost is asked again', async (t) => {
  const network = new MemoryNetwork();
  const peers = await openThree(network, await temporaryDirectory());
  const leader = await leaderOf(peers);
  const follower = peers.find((peer) => peer !== leader) as TestPeer;
  await until(() => follower.raft.status().leaderId !== undefined, 'the follower knows the leader');
  let lost = 0;
  network.filter(({ type }) => type !== 'MsgReadIndex' || ++lost > 1);

  await follower.raft.readIndex();

  t.true(lost > 1);
  for (const { raft } of peers) await raft.close();
});

test('many proposals at once are applied in the order in which they were made', async (t) => {
  const peers = await openThree(new MemoryNetwork(), await temporaryDirectory(), { snapshotEveryEntries: 100 });
  const leader = await leaderOf(peers);
  const texts = Array.from({ length: 2_000 }, (_, at) => `command ${at}`);

  const applied = await Promise.all(texts.map((text) => leader.raft.propose(Buffer.from(text))));

  t.deepEqual(
    applied.map(({ result }) => result),
    texts.map((_, at) => at + 1),
  );
  await until(() => peers.every(({ journal }) => journal.commands.length === texts.length), 'all peers applied all');
  for (const { raft, journal } of peers) {
    t.deepEqual(journal.commands, texts);
    await raft.close();
  }
});

test('what no log can hold is refused before it is appended', async (t) => {
  const peers = await openThree(new MemoryNetwork(), await temporaryDirectory());
  const leader = await leaderOf(peers);

  await t.throwsAsync(leader.raft.propose(Buffer.alloc(maxProposalBytes + 1)), { instanceOf: ProposalRefusedError });
  await t.throwsAsync(leader.raft.propose(Buffer.alloc(0)), { instanceOf: ProposalRefusedError });
  await leader.raft.propose(Buffer.alloc(maxProposalBytes, 'x'));
  for (const { raft } of peers) await raft.close();
  await t.throwsAsync(leader.raft.propose(Buffer.from('a')), { instanceOf: ClosedError });
});

test('a leader whose disk fails acknowledges nothing more, tells its owner, and another takes over', async (t) => {
  const network = new MemoryNetwork();
  const directory = await temporaryDirectory();
  const failing = new Set<number>();
  const fatal: [number, Error][] = [];
  const peers: TestPeer[] = [];
  for (const id of [1, 2, 3]) {
    const createFile: Disk['createFile'] = async (path) => {
      const file = await realDisk.createFile(path);
      const sync = file.sync.bind(file);
      return Object.assign(file, { sync: () => (failing.has(id) ? Promise.reject(new Error('EIO')) : sync()) });
    };
    const disk = { ...realDisk, createFile };
    const onFatal = (error: Error) => fatal.push([id, error]);
    peers.push(await openPeer(id, { directory: `${directory}/${id}`, transport: network.transport(), disk, onFatal }));
  }
  const leader = await leaderOf(peers);
  const { id } = leader.raft.status();

  failing.add(id);
  const results = await Promise.allSettled([
    leader.raft.propose(Buffer.from('a')),
    leader.raft.propose(Buffer.from('b')),
  ]);
  await leaderOf(peers.filter((peer) => peer !== leader));

  t.true(results.every((result) => result.status === 'rejected' && result.reason instanceof ProposalUnknownError));
  t.deepEqual(
    fatal.map(([peer, error]) => [peer, error instanceof StorageFailedError]),
    [[id, true]],
  );
  await t.throwsAsync(leader.raft.propose(Buffer.from('c')), { instanceOf: ClosedError });
  for (const { raft } of peers) await raft.close();
});
