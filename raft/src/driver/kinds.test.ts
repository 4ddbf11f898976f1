import test from 'ava';
import { KindNotAnnouncedError, ProposalRefusedError, ProposalUnknownError, UnknownKindError } from '../errors.ts';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { MemoryNetwork } from '../transport/memory.ts';
import { leaderOf, openPeer, type TestPeer, until } from './cluster-for-tests.ts';
import { Kinds, ownKinds } from './kinds.ts';

const addresses = [1, 2, 3, 4].map((id) => ({ id, address: '' }));

test('a new kind of entry is refused until the last member announced it, and stays enabled', async (t) => {
  const [network, directory] = [new MemoryNetwork(), await temporaryDirectory()];
  const open = (id: number, kinds: string[]): Promise<TestPeer> => {
    const place = { directory: `${directory}/${id}`, transport: network.transport() };
    return openPeer(id, { ...place, peers: addresses, voters: [1, 2, 3], kinds, snapshotEveryEntries: 10 });
  };
  const peers = [await open(1, ['new']), await open(2, ['new']), await open(3, [])];
  const old = peers[2] as TestPeer;
  const leader = async () => {
    const found = await leaderOf(peers);
    if (found === old) await old.raft.transferLeadership();
    return leaderOf(peers.filter((peer) => peer !== old));
  };
  const propose = async () => (await leader()).raft.propose(Buffer.from('new'), { kind: 'new' });
  const announced = async () => {
    // Those who can have said so; who cannot stays.
    let lacking: readonly number[] = [];
    for (; lacking.join() !== '3'; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const error = await t.throwsAsync(propose(), { instanceOf: KindNotAnnouncedError });
      lacking = error?.peers ?? [];
      if (!lacking.includes(3)) break;
    }
    return lacking;
  };

  t.deepEqual(await announced(), [3]);
  await t.throwsAsync((await leader()).raft.propose(Buffer.from('x'), { kind: 'other' }), {
    instanceOf: ProposalRefusedError,
  });
  t.deepEqual((await leader()).journal.commands, []);

  await old.raft.close();
  peers[2] = await open(3, ['new']);
  for (let isDone = false; !isDone; await new Promise((resolve) => setTimeout(resolve, 20))) {
    isDone = await propose().then(
      () => true,
      (error) => {
        if (!(error instanceof KindNotAnnouncedError)) throw error;
        return false;
      },
    );
  }

  // From now on nobody who cannot apply it becomes a member, or comes back; and who is away is in nobody's way.
  const fourth = await open(4, []);
  const { raft } = await leader();
  await t.throwsAsync(raft.changeMembership({ voters: [1, 2, 3, 4] }), { instanceOf: KindNotAnnouncedError });
  for (let at = 0; at < 20; at += 1) await (await leader()).raft.propose(Buffer.from(`${at}`));
  const third = peers[2] as TestPeer;
  await until(() => third.raft.status().snapshotIndex > 0, 'the third took a snapshot');
  await third.raft.close();
  await t.throwsAsync(open(3, []), { instanceOf: UnknownKindError });
  await t.notThrowsAsync((await leaderOf(peers)).raft.propose(Buffer.from('new'), { kind: 'new' }));
  for (const peer of [...peers, fourth]) await peer.raft.close();
});

test('what is enabled early is not refused at its first use for who has gone since', async (t) => {
  const [network, directory] = [new MemoryNetwork(), await temporaryDirectory()];
  const open = (id: number): Promise<TestPeer> => {
    const place = { directory: `${directory}/${id}`, transport: network.transport() };
    return openPeer(id, { ...place, kinds: ['new', 'newer'], enableKindsEarly: true });
  };
  const peers = [await open(1), await open(2), await open(3)];
  const isHeard = async (): Promise<boolean> => {
    const { raft } = await leaderOf(peers);
    return await raft.propose(Buffer.from('new'), { kind: 'new' }).then(
      () => true,
      () => false,
    );
  };
  while (!(await isHeard())) await new Promise((resolve) => setTimeout(resolve, 20));

  for (const { raft } of peers) await raft.close();
  const left = [await open(1), await open(2)];
  const { raft } = await leaderOf(left);

  await t.notThrowsAsync(raft.propose(Buffer.from('newer'), { kind: 'newer' }));
  for (const peer of left) await peer.raft.close();
});

test('nothing is enabled over the head of who is about to become a member', async (t) => {
  const [network, directory] = [new MemoryNetwork(), await temporaryDirectory()];
  const open = (id: number, kinds: string[]): Promise<TestPeer> => {
    const place = { directory: `${directory}/${id}`, transport: network.transport() };
    return openPeer(id, { ...place, peers: addresses, voters: [1, 2, 3], kinds, electionTicks: 40 });
  };
  const peers = [await open(1, ['new']), await open(2, ['new']), await open(3, ['new'])];
  const fourth = await open(4, []);
  const { raft } = await leaderOf(peers);
  const proposeNew = () => raft.propose(Buffer.from('new'), { kind: 'new' });
  // When a session is open, all have been heard.
  await raft.openSession({ timeoutMs: 30_000 });

  const changed = raft.changeMembership({ voters: [1, 2, 3, 4] });
  const refused = await t.throwsAsync(proposeNew(), { instanceOf: ProposalRefusedError });
  await changed;

  t.false(refused instanceof KindNotAnnouncedError);
  const lacking = await t.throwsAsync(proposeNew(), { instanceOf: KindNotAnnouncedError });
  t.deepEqual(lacking?.peers, [4]);
  for (const peer of [...peers, fourth]) await peer.raft.close();
});

test('what may yet be enabled is demanded of newcomers, also when nobody waits for it any more', (t) => {
  const members = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const kinds = new Kinds(1, ownKinds(['new']), new Set());
  const known = () => ({ members, isChanging: false });
  t.not(kinds.prepare('new', known), undefined);

  kinds.settled(['new'], new ProposalUnknownError(7, 1, 'the time ran out'));
  t.throws(() => kinds.demandOf([2]), { instanceOf: KindNotAnnouncedError });

  kinds.settled(['new'], new ProposalRefusedError('It was not appended in time.'));
  t.notThrows(() => kinds.demandOf([2]));
});

test('who was removed under an earlier leader is heard by the next, and can be taken back', async (t) => {
  const [network, directory] = [new MemoryNetwork(), await temporaryDirectory()];
  const open = (id: number) => openPeer(id, { directory: `${directory}/${id}`, transport: network.transport() });
  const peers = [await open(1), await open(2), await open(3)];
  const first = await leaderOf(peers);
  await (await first.raft.openSession({ timeoutMs: 30_000 })).close();
  const [before, third] = peers.filter((peer) => peer !== first) as [TestPeer, TestPeer];
  const [firstId, secondId] = [first.raft.status().id, before.raft.status().id];
  // A learner does not campaign when it hears nothing any more, and so keeps the leader that it had.
  await first.raft.changeMembership({ voters: [firstId, secondId], learners: [third.raft.status().id] });
  await until(() => third.raft.status().membership.learners.length === 1, 'the third learns');
  await first.raft.changeMembership({ voters: [firstId, secondId] });
  // A new process has heard of nobody yet.
  await before.raft.close();
  const second = await open(secondId);
  const pair = [first, second];
  for (let leader = await leaderOf(pair); leader !== second; leader = await leaderOf(pair)) {
    await leader.raft.transferLeadership(secondId).catch(() => undefined);
  }
  for (let isBack = false; !isBack; await new Promise((resolve) => setTimeout(resolve, 20))) {
    isBack = await second.raft.changeMembership({ voters: [1, 2, 3] }).then(
      () => true,
      (error) => {
        if (!(error instanceof KindNotAnnouncedError)) throw error;
        return false;
      },
    );
  }
  await until(() => third.raft.status().leaderId === secondId, 'the third hears of it');
  t.deepEqual(second.raft.status().membership.voters, [1, 2, 3]);
  for (const { raft } of [first, second, third]) await raft.close();
});
