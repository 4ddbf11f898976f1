// The rounds: what is done to both, one after the other, first the one and then the other in turns.
import { residentMib } from '../../load/processes.ts';
import type { Child } from './child.ts';
import type { ClientQuestion } from './client.ts';
import type { LoopResult, LoopTimes } from './closed-loop.ts';
import type { Cluster } from './cluster.ts';
import type { FigureName, Pair } from './figures.ts';
import type { RaftCluster } from './raft-cluster.ts';

export interface Scale {
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly kills: number;
}

export interface Contest {
  readonly ours: RaftCluster;
  readonly theirs: Cluster;
  readonly client: Child<ClientQuestion>;
  readonly scale: Scale;
  /** What must not be, such as calls that failed. */
  readonly failures: string[];
}

export type Results = Partial<Record<FigureName, Pair[]>>;

const VALUE_BYTES = 256;
const FIRST_PUT_MS = 20_000;
/** After a killed process is back, until the next is killed. */
const SETTLE_MS = 1_500;

type Side = 'ours' | 'theirs';

/** Puts, reads, proposals and memory, of clusters that are left alone. */
export async function loadRounds(contest: Contest): Promise<Results> {
  const results: Results = {};
  for (let round = 0; round < contest.scale.rounds; round += 1) {
    for (const inFlight of [64, 256] as const) {
      const puts = await inTurns(round, (side) => drive(contest, side, 'put', inFlight));
      add(results, `puts over gRPC, ${inFlight} clients, 1/s`, perSecond(puts));
      const proposed = await propose(contest, inFlight);
      add(results, `proposals in process, ${inFlight} in flight (etcd: puts), 1/s`, {
        ours: proposed.perSecond,
        theirs: puts.theirs.perSecond,
      });
    }
    const alone = await inTurns(round, (side) => drive(contest, side, 'put', 1));
    add(results, 'put p50, one client, ms', p50(alone));
    const reads = await inTurns(round, (side) => drive(contest, side, 'range', 64));
    add(results, 'linearizable reads at the leader, 64 clients, 1/s', perSecond(reads));
    add(results, 'resident memory after the load, three processes, MiB', {
      ours: memoryOf(contest.ours),
      theirs: memoryOf(contest.theirs),
    });
  }
  return results;
}

/** What a wide network between the peers costs. Clients are near the leader. */
export async function wideRounds(contest: Contest): Promise<Results> {
  const results: Results = {};
  for (let round = 0; round < contest.scale.rounds; round += 1) {
    const puts = await inTurns(round, (side) => drive(contest, side, 'put', 1));
    add(results, 'round trip of 40 ms: put p50, one client, ms', p50(puts));
    const reads = await inTurns(round, (side) => drive(contest, side, 'range', 256));
    add(results, 'round trip of 40 ms: linearizable read p50, 256 clients, ms', p50(reads));
    const inProcess = await read(contest, 256);
    add(results, 'round trip of 40 ms: linearizable read p50 in process, 256 in flight (etcd: clients), ms', {
      ours: inProcess.p50Ms,
      theirs: reads.theirs.p50Ms,
    });
  }
  return results;
}

/** How long nobody can write when the leader's process is killed. */
export async function failoverRounds(contest: Contest): Promise<Results> {
  const results: Results = {};
  for (let round = 0; round < contest.scale.kills; round += 1) {
    const waited = await inTurns(round, (side) => killLeader(contest, contest[side]));
    add(results, 'leader killed to first put, ms', waited);
  }
  return results;
}

async function killLeader({ client }: Contest, cluster: Cluster): Promise<number> {
  const leader = await cluster.leader();
  const addresses = cluster.addresses.filter((_, member) => member !== leader);
  // The clients are connected before; this waits for it.
  await client.ask({ type: 'connect', addresses });
  const firstPut = client.ask<number>({ type: 'first-put', addresses, timeoutMs: FIRST_PUT_MS });
  await cluster.kill(leader);
  const waitedMs = await firstPut;
  await cluster.restart(leader);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return waitedMs;
}

async function drive(contest: Contest, side: Side, type: 'put' | 'range', inFlight: number): Promise<LoopResult> {
  const cluster = contest[side];
  const address = cluster.addresses[await cluster.leader()] ?? '';
  const loop = loopOf(contest.scale, inFlight);
  return checked(
    contest,
    `${type}s of ${side}`,
    await contest.client.ask({ type, address, loop, valueBytes: VALUE_BYTES }),
  );
}

async function propose(contest: Contest, inFlight: number): Promise<LoopResult> {
  const { ours, scale } = contest;
  const result = await ours.propose(await ours.leader(), loopOf(scale, inFlight), VALUE_BYTES);
  return checked(contest, 'proposals in process', result);
}

async function read(contest: Contest, inFlight: number): Promise<LoopResult> {
  const { ours, scale } = contest;
  return checked(contest, 'reads in process', await ours.read(await ours.leader(), loopOf(scale, inFlight)));
}

function loopOf({ warmUpMs, measureMs }: Scale, inFlight: number): LoopTimes {
  return { inFlight, warmUpMs, measureMs };
}

function checked({ failures }: Contest, what: string, result: LoopResult): LoopResult {
  if (result.errors > 0) failures.push(`${what}: ${result.errors} failed, the first with ${result.firstError}`);
  return result;
}

async function inTurns<T>(round: number, act: (side: Side) => Promise<T>): Promise<{ ours: T; theirs: T }> {
  if (round % 2 === 0) {
    const ours = await act('ours');
    return { ours, theirs: await act('theirs') };
  }
  const theirs = await act('theirs');
  return { ours: await act('ours'), theirs };
}

function memoryOf({ pids }: Cluster): number {
  return pids.reduce((sum, pid) => sum + residentMib(pid), 0);
}

function perSecond({ ours, theirs }: { ours: LoopResult; theirs: LoopResult }): Pair {
  return { ours: ours.perSecond, theirs: theirs.perSecond };
}

function p50({ ours, theirs }: { ours: LoopResult; theirs: LoopResult }): Pair {
  return { ours: ours.p50Ms, theirs: theirs.p50Ms };
}

function add(results: Results, name: FigureName, pair: Pair): void {
  results[name] = [...(results[name] ?? []), pair];
}
