import test from 'ava';
import { temporaryDirectory } from '../temporary-directory-for-tests.ts';
import { MemoryNetwork } from '../transport/memory.ts';
import { leaderOf, openPeer, type TestPeer, until } from './cluster-for-tests.ts';
import { Metrics } from './metrics.ts';
import type { RaftTraceEvent } from './options.ts';

test('a peer counts and measures what it does, and traces it in the order in which it may happen', async (t) => {
  const [network, directory] = [new MemoryNetwork(), await temporaryDirectory()];
  const seen = new Map<number, RaftTraceEvent[]>([1, 2, 3].map((id) => [id, []]));
  const peers: TestPeer[] = [];
  for (const id of [1, 2, 3]) {
    const trace = (event: RaftTraceEvent) => seen.get(id)?.push(event);
    peers.push(await openPeer(id, { directory: `${directory}/${id}`, transport: network.transport(), trace }));
  }
  const leader = await leaderOf(peers);
  const value = (name: string, suffix = '') => {
    const family = leader.raft.metrics().find((each) => each.name === name);
    return family?.samples.find((sample) => sample.suffix === suffix)?.value;
  };

  for (let at = 0; at < 5; at += 1) await leader.raft.propose(Buffer.from(`${at}`));
  await t.throwsAsync(leader.raft.propose(Buffer.alloc(0)));
  await until(() => value('raft_peer_round_trip_seconds') !== undefined, 'a heartbeat was answered');

  const { term, appliedIndex, id } = leader.raft.status();
  t.is(value('raft_proposals_total'), 6);
  t.is(value('raft_proposals_failed_total'), 1);
  t.is(value('raft_proposal_seconds', '_count'), 5);
  t.is(value('raft_term'), term);
  t.is(value('raft_is_leader'), 1);
  t.is(value('raft_applied_index'), appliedIndex);
  t.true((value('raft_log_save_seconds', '_count') ?? 0) >= 2);
  t.true((value('raft_log_bytes') ?? 0) > 0);

  // What a follower acknowledges, it has made durable before.
  for (const [peer, events] of seen) {
    if (peer === id) continue;
    let durable = 0;
    for (const event of events) {
      if (event.type === 'persisted') durable = Math.max(durable, event.ready.entries.at(-1)?.index ?? 0);
      if (event.type !== 'sent' || event.message.type !== 'MsgAppResp' || event.message.reject) continue;
      t.true(event.message.index <= durable, `peer ${peer} acknowledges ${event.message.index}`);
    }
    t.true(durable > 0);
  }
  t.true(seen.get(id)?.some((event) => event.type === 'role' && event.role === 'leader'));
  for (const { raft } of peers) await raft.close();
});

test('a histogram counts in each bucket what is not above its bound', async (t) => {
  let nowMs = 0;
  const metrics = new Metrics(() => nowMs);
  const save = (ms: number) =>
    metrics.saving(
      Promise.resolve().then(() => {
        nowMs += ms;
      }),
    );
  for (const ms of [0.5, 3, 20_000]) await save(ms);

  const core = { id: 1, progress: new Map() } as never;
  const state = { ...{ core, appliedIndex: 0, proposalsPending: 0, readsPending: 0 }, sessions: 0, logBytes: 0 };
  const family = metrics
    .families({ ...state, isDiskFull: false, isDiskHung: false })
    .find(({ name }) => name === 'raft_log_save_seconds');
  const at = (le: string) => family?.samples.find(({ labels }) => Object.values(labels)[0] === le)?.value;
  t.deepEqual([at('0.0005'), at('0.0025'), at('0.005'), at('10'), at('+Inf')], [1, 1, 2, 2, 3]);
});
