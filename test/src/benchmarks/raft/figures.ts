// What is measured of both, and how good raft-ts has to be. A bar is a ratio to etcd in the same round, or a number of
// its own; the median over the rounds counts.
import { type Cell, type Measure, medianAndSpread } from '../result.ts';

interface Bar {
  readonly better: 'higher' | 'lower';
  readonly bar: number;
  readonly goal: number;
  /** Of what the bar is a multiple. */
  readonly of: 'etcd' | 'round trip';
}

/** Without a bar it is only told. */
type Figure = Bar | Pick<Bar, 'of'>;

export const figures = {
  'proposals in process, 64 in flight (etcd: puts), 1/s': { better: 'higher', bar: 2, goal: 5, of: 'etcd' },
  'proposals in process, 256 in flight (etcd: puts), 1/s': { better: 'higher', bar: 2, goal: 5, of: 'etcd' },
  'puts over gRPC, 64 clients, 1/s': { better: 'higher', bar: 0.5, goal: 0.9, of: 'etcd' },
  'puts over gRPC, 256 clients, 1/s': { better: 'higher', bar: 0.5, goal: 0.9, of: 'etcd' },
  'put p50, one client, ms': { better: 'lower', bar: 1.5, goal: 1, of: 'etcd' },
  'linearizable reads at the leader, 64 clients, 1/s': { better: 'higher', bar: 0.4, goal: 0.8, of: 'etcd' },
  'resident memory after the load, three processes, MiB': { better: 'lower', bar: 2, goal: 1.2, of: 'etcd' },
  'leader killed to first put, ms': { better: 'lower', bar: 1.15, goal: 0.9, of: 'etcd' },
  'round trip of 40 ms: put p50, one client, ms': { better: 'lower', bar: 1.15, goal: 1.1, of: 'round trip' },
  'round trip of 40 ms: linearizable read p50 in process, 256 in flight (etcd: clients), ms': {
    better: 'lower',
    bar: 1.5,
    goal: 1.2,
    of: 'round trip',
  },
  // With so many clients this tells how many calls a second the processors take, not how long a read waits.
  'round trip of 40 ms: linearizable read p50, 256 clients, ms': { of: 'round trip' },
} as const satisfies Record<string, Figure>;

export type FigureName = keyof typeof figures;

/** One round of one figure. */
export interface Pair {
  readonly ours: number;
  readonly theirs: number;
}

/** A row of the table; `unit` is the length of a round trip, for the bars that count those. */
export function rowOf(name: FigureName, pairs: readonly Pair[], roundTripMs: number): Record<string, Cell> {
  const { of } = figures[name];
  const ratio = medianAndSpread(pairs.map(({ ours, theirs }) => (of === 'etcd' ? ours / theirs : ours / roundTripMs)));
  return {
    figure: name,
    raft_ts: medianAndSpread(pairs.map(({ ours }) => ours)),
    etcd: medianAndSpread(pairs.map(({ theirs }) => theirs)),
    ratio,
    ...verdictOf(figures[name], ratio),
  };
}

export function verdictOf(figure: Figure, { median }: Measure): { bar: string; verdict: string } {
  if (!('bar' in figure)) return { bar: '', verdict: '' };
  const { better, bar, goal, of } = figure;
  const reaches = (limit: number) => (better === 'higher' ? median >= limit : median <= limit);
  const times = of === 'etcd' ? '×' : ' RTT';
  const most = better === 'higher' ? 'at least' : 'at most';
  return {
    bar: `${most} ${bar}${times}, goal ${goal}${times}`,
    verdict: reaches(goal) ? 'goal met' : reaches(bar) ? 'met' : 'missed',
  };
}
