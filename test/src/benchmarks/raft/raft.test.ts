// That the benchmark measures at all, with rounds too short to say how fast anything is. The opponent is etcd when it is
// at hand, and else raft-ts itself.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Child } from './child.ts';
import type { ClientQuestion } from './client.ts';
import { type Cluster, directly } from './cluster.ts';
import type { ProxyQuestion, ProxyStart } from './delay-proxy.ts';
import { EtcdCluster } from './etcd-cluster.ts';
import { type FigureName, figures, rowOf, verdictOf } from './figures.ts';
import { RaftCluster } from './raft-cluster.ts';
import { failoverRounds, loadRounds, type Scale, wideRounds } from './rounds.ts';

const SYSTEM_ETCD = '/usr/bin/etcd';
const DELAY_MS = 20;
const scale: Scale = { rounds: 1, warmUpMs: 20, measureMs: 150, kills: 1 };

function opponent(folder: string): Promise<Cluster> {
  if (existsSync(SYSTEM_ETCD)) return EtcdCluster.start(SYSTEM_ETCD, folder, directly);
  return RaftCluster.start(join(folder, 'opponent'), directly);
}

test('every figure is measured of both, and no call fails', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'argosy-bench-raft-'));
  const client = new Child<ClientQuestion>('./client.js', undefined);
  const proxy = new Child<ProxyQuestion>('./delay-proxy.js', { oneWayMs: DELAY_MS } satisfies ProxyStart);
  const ours = await RaftCluster.start(folder, (port) => proxy.ask<number>({ port }));
  const theirs = await opponent(folder);
  const failures: string[] = [];
  try {
    const contest = { ours, theirs, client, scale, failures };
    const results = {
      ...(await loadRounds(contest)),
      ...(await wideRounds(contest)),
      ...(await failoverRounds(contest)),
    };

    t.deepEqual(failures, []);
    for (const name of Object.keys(figures) as FigureName[]) {
      const pairs = results[name] ?? [];
      t.is(pairs.length, 1, name);
      t.true(
        pairs.every(({ ours: one, theirs: other }) => one > 0 && other > 0),
        name,
      );
    }
    const put = results['round trip of 40 ms: put p50, one client, ms']?.[0]?.ours ?? 0;
    t.true(put >= 2 * DELAY_MS, `a put of ${put} ms went through proxies that take ${2 * DELAY_MS}`);
  } finally {
    await Promise.allSettled([client.kill(), proxy.kill(), ours.close(), theirs.close()]);
    await rm(folder, { recursive: true, force: true });
  }
});

test('the median of the ratios of the rounds is held against bar and goal', (t) => {
  const higher = { better: 'higher', bar: 2, goal: 5, of: 'etcd' } as const;
  const lower = { better: 'lower', bar: 1.5, goal: 1, of: 'round trip' } as const;
  const measure = (median: number) => ({ median, least: 0, most: 100 });

  t.deepEqual(
    [1.9, 2, 5].map((median) => verdictOf(higher, measure(median)).verdict),
    ['missed', 'met', 'goal met'],
  );
  t.deepEqual(
    [1.6, 1.5, 1].map((median) => verdictOf(lower, measure(median)).verdict),
    ['missed', 'met', 'goal met'],
  );
  const pairs = [
    { ours: 10, theirs: 1 },
    { ours: 30, theirs: 10 },
    { ours: 40, theirs: 20 },
  ];
  t.deepEqual(rowOf('put p50, one client, ms', pairs, 40).ratio, { median: 3, least: 2, most: 10 });
});
