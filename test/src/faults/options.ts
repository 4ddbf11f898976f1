// What `npm run faults` is told.
import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run faults [-- OPTIONS]

Brings up a local federation, writes to its cluster "demo", and makes one random fault after the other: members, regions,
peers and executors are killed or frozen, and, as root, links cut and slowed, and disks filled; also in the middle of
switchovers and creates, and a second one amid the failover that the first brings about. After each, every acknowledged
write is looked for, and how an old primary came back is counted.

  --count N     so many faults (default 20)
  --hours H     go on until so much time has passed, instead of N faults
  --seed S      which faults, in which order (default: drawn, and printed)
  --no-netns    without networks for the regions, also as root
  --only A,B    only these kinds
  --delays      nothing but slow links, by less than half the time in which a primary is missed: a failover is a fault
  --keep        keep the state of the federation`;

const SEEDS = 1_000_000;
const DEFAULT_COUNT = 20;

export interface FaultOptions {
  readonly count: number;
  /** Infinite where a count is given. */
  readonly limitMs: number;
  readonly seed: number;
  readonly isNetworked: boolean;
  /** Volumes are on small disks, which can be filled. */
  readonly hasDisks: boolean;
  readonly only: readonly string[] | undefined;
  /** Links are slow, and nothing else happens: no primary may be deposed. */
  readonly isOnlySlow: boolean;
  readonly keeps: boolean;
}

/** Undefined when help is wanted. @throws TypeError for options that there are not */
export function readOptions(args: readonly string[], isRoot: boolean): FaultOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      count: { type: 'string' },
      hours: { type: 'string' },
      seed: { type: 'string' },
      'no-netns': { type: 'boolean', default: false },
      only: { type: 'string' },
      delays: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { hours, count } = values;
  if (values.delays && (!isRoot || values['no-netns']))
    throw new TypeError('--delays needs root, for networks of its own.');
  return {
    count: hours === undefined || count !== undefined ? Number(count ?? DEFAULT_COUNT) : Number.POSITIVE_INFINITY,
    limitMs: hours === undefined ? Number.POSITIVE_INFINITY : Number(hours) * 3_600_000,
    seed: values.seed === undefined ? Math.floor(Math.random() * SEEDS) : Number(values.seed),
    isNetworked: isRoot && !values['no-netns'],
    hasDisks: isRoot && !values.delays,
    only: values.only?.split(','),
    isOnlySlow: values.delays,
    keeps: values.keep,
  };
}
