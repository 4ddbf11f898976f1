// How fast raft-ts is, beside etcd on the same disk and processors: three processes each, both durable, in turns. How
// it is measured, and what came out, is in docs/benchmarks.md.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enginesFolder, progress } from './programs.ts';
import { Child } from './raft/child.ts';
import type { ClientQuestion } from './raft/client.ts';
import { directly, type Reach } from './raft/cluster.ts';
import type { ProxyQuestion, ProxyStart } from './raft/delay-proxy.ts';
import { EtcdCluster, etcdVersion, findEtcd } from './raft/etcd-cluster.ts';
import { type FigureName, figures, rowOf } from './raft/figures.ts';
import { RaftCluster } from './raft/raft-cluster.ts';
import { type Contest, failoverRounds, loadRounds, type Results, type Scale, wideRounds } from './raft/rounds.ts';
import type { BenchmarkResult } from './result.ts';

const ROUND_TRIP_MS = 40;
const loadScale: Scale = { rounds: 5, warmUpMs: 500, measureMs: 2_000, kills: 9 };
const wideScale: Scale = { rounds: 3, warmUpMs: 500, measureMs: 2_000, kills: 0 };

export async function run(): Promise<BenchmarkResult> {
  const program = await findEtcd(enginesFolder, progress);
  const failures: string[] = [];
  let commandLine = '';
  const results: Results = {};
  const contestOver = async (reach: Reach, scale: Scale, act: (contest: Contest) => Promise<Results>) => {
    const folder = await mkdtemp(join(tmpdir(), 'argosy-bench-raft-'));
    const client = new Child<ClientQuestion>('./client.js', undefined);
    const theirs = await EtcdCluster.start(program, folder, reach);
    const ours = await RaftCluster.start(folder, reach);
    commandLine = theirs.commandLine;
    try {
      Object.assign(results, await act({ ours, theirs, client, scale, failures }));
    } finally {
      await Promise.allSettled([client.kill(), ours.close(), theirs.close()]);
      await rm(folder, { recursive: true, force: true });
    }
  };
  await contestOver(directly, loadScale, async (contest) => ({
    ...(await loadRounds(contest)),
    ...(await failoverRounds(contest)),
  }));
  const proxy = new Child<ProxyQuestion>('./delay-proxy.js', { oneWayMs: ROUND_TRIP_MS / 2 } satisfies ProxyStart);
  try {
    await contestOver((port) => proxy.ask<number>({ port }), wideScale, wideRounds);
  } finally {
    await proxy.kill();
  }
  const names = Object.keys(figures) as FigureName[];
  const rows = names.map((name) => rowOf(name, results[name] ?? [], ROUND_TRIP_MS));
  const missed = rows.filter(({ verdict }) => verdict === 'missed').map(({ figure }) => `${figure}: missed`);
  const notes = {
    rounds: loadScale.rounds,
    node: process.version,
    etcd: etcdVersion(program),
    etcd_command: commandLine,
  };
  process.stdout.write(`\netcd ${notes.etcd}, the first of three: ${commandLine}\n`);
  return { name: 'raft', rows, notes, failures: [...missed, ...failures] };
}
