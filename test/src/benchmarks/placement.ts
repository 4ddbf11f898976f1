// How fast placement decides, beside HiGHS on the same instances. Decisions are counted by the time of the processor, so
// that other work on the machine does not count; the quantiles are what a caller waits.
import { place } from '@argosy/gateway';
import { drawInstance, drawing, type Instance, type Shape } from '../placement/instances.ts';
import { loadSolver, type Solver, solveByIntegerProgram } from '../placement/integer-program.ts';
import { type BenchmarkResult, type Measure, medianAndSpread, quantile } from './result.ts';

const ROUNDS = 5;

interface Case {
  readonly name: string;
  readonly shape: Shape;
  /** Instances with a placement; a fifth as many without are measured apart. */
  readonly instances: number;
  /** Of these, HiGHS solves as many. */
  readonly compared: number;
  readonly floor?: { readonly perSecond: number } | { readonly p99Ms: number };
}

const CASES: readonly Case[] = [
  {
    name: '4×3, 3 voters + 2 replicas',
    shape: { regions: 4, zones: 3, voters: 3, replicas: 2, arbiters: 0 },
    instances: 400,
    compared: 20,
    floor: { perSecond: 1_000 },
  },
  {
    name: '6×3, 5 voters + 2 replicas',
    shape: { regions: 6, zones: 3, voters: 5, replicas: 2, arbiters: 0 },
    instances: 200,
    compared: 20,
    floor: { p99Ms: 50 },
  },
  {
    name: '6×3, 3 voters + 1 replica + 2 arbiters',
    shape: { regions: 6, zones: 3, voters: 3, replicas: 1, arbiters: 2 },
    instances: 200,
    compared: 20,
    floor: { p99Ms: 50 },
  },
  {
    name: '12×3, 5 voters + 2 replicas',
    shape: { regions: 12, zones: 3, voters: 5, replicas: 2, arbiters: 0 },
    instances: 100,
    compared: 10,
  },
  {
    name: '20×3, 5 voters + 2 replicas',
    shape: { regions: 20, zones: 3, voters: 5, replicas: 2, arbiters: 0 },
    instances: 100,
    compared: 5,
  },
  {
    name: '20×3, 7 voters + 8 replicas',
    shape: { regions: 20, zones: 3, voters: 7, replicas: 8, arbiters: 0 },
    instances: 50,
    compared: 5,
  },
];

export async function run(): Promise<BenchmarkResult> {
  const solver = await loadSolver();
  const rows = CASES.map((measured) => measure(measured, solver));
  const failures = rows.flatMap(({ sites, floor }) => (floor.startsWith('missed') ? [`${sites}: ${floor}`] : []));
  return { name: 'placement', rows, notes: { rounds: ROUNDS, node: process.version }, failures };
}

function measure({ name, shape, instances, compared, floor }: Case, solver: Solver) {
  const feasible = drawn(shape, instances, true);
  const infeasible = drawn(shape, Math.ceil(instances / 5), false);
  const rounds = Array.from({ length: ROUNDS }, () => roundOf(feasible));
  const refusals = Array.from({ length: ROUNDS }, () => roundOf(infeasible));
  const perSecond = medianAndSpread(rounds.map(({ perProcessorSecond }) => perProcessorSecond));
  const p99 = medianAndSpread(rounds.map(({ times }) => quantile(times, 0.99)));
  const peers = feasible.slice(0, compared);
  const peer = quantile(peers.map(timed((instance) => solveByIntegerProgram(instance, solver))), 0.5);
  return {
    sites: name,
    decisions_per_second: perSecond,
    p50_ms: medianAndSpread(rounds.map(({ times }) => quantile(times, 0.5))),
    p99_ms: p99,
    floor: verdict(floor, perSecond, p99),
    infeasible_p50_ms: medianAndSpread(refusals.map(({ times }) => quantile(times, 0.5))),
    infeasible_p99_ms: medianAndSpread(refusals.map(({ times }) => quantile(times, 0.99))),
    highs_p50_ms: Number(peer.toPrecision(3)),
    times_slower: Number((peer / quantile(peers.map(timed(decide)), 0.5)).toPrecision(2)),
  };
}

/** The first so many instances by seed that have a placement, or have none. */
function drawn(shape: Shape, count: number, isFeasible: boolean): readonly Instance[] {
  const instances: Instance[] = [];
  for (let seed = 1; instances.length < count; seed += 1) {
    const instance = drawInstance(drawing(seed), shape);
    if ('infeasible' in place(instance.request, instance.sites) !== isFeasible) instances.push(instance);
  }
  return instances;
}

function roundOf(instances: readonly Instance[]): { times: readonly number[]; perProcessorSecond: number } {
  const before = process.cpuUsage();
  const times = instances.map(timed(decide));
  const { user, system } = process.cpuUsage(before);
  return { times, perProcessorSecond: (1_000_000 * instances.length) / (user + system) };
}

function decide({ request, sites }: Instance): void {
  place(request, sites);
}

function timed(act: (instance: Instance) => unknown): (instance: Instance) => number {
  return (instance) => {
    const begin = performance.now();
    act(instance);
    return performance.now() - begin;
  };
}

function verdict(floor: Case['floor'], perSecond: Measure, p99: Measure): string {
  if (floor === undefined) return '';
  if ('perSecond' in floor) return `${perSecond.median >= floor.perSecond ? 'met' : 'missed'}: ${floor.perSecond}/s`;
  return `${p99.median < floor.p99Ms ? 'met' : 'missed'}: p99 ${floor.p99Ms} ms`;
}
