// Clusters for the planner's tests: wished, made, and changed by entries, without anything that runs.
import { applyFact } from '../state/apply-fact.ts';
import type { Cluster } from '../state/clusters.ts';
import { type EntryBody, newMember } from '../state/entries.ts';
import { Federation } from '../state/federation.ts';
import type { MemberKind, WantedMember } from '../state/spec.ts';
import { expectedFact } from './expected.ts';
import { readySteps } from './ready.ts';
import type { Step } from './steps.ts';

const REGIONS = ['north', 'south', 'west'];
const MAX_STEPS = 200;

export function wanted(ordinal: number, kind: MemberKind = 'voter'): WantedMember {
  const region = REGIONS[(ordinal - 1) % REGIONS.length] ?? '';
  return { ordinal, kind, region, zone: `${region}-a` };
}

export function cluster(kinds: readonly MemberKind[]): Cluster {
  return {
    id: 'c',
    name: 'orders',
    projectId: 'p',
    spec: {
      datastore: { type: 'postgresql', version: '15' },
      flavor: 'small',
      volume: { size: 1 },
      topology: { voters: kinds.filter((kind) => kind === 'voter').length, replicas: 0, arbiters: 0 },
      placement: { survive: 'region', regions: [], residency: [] },
      durability: { mode: 'quorum' },
    },
    revision: 1,
    wanted: 'present',
    members: kinds.map((kind, index) => newMember(wanted(index + 1, kind))),
    nextOrdinal: kinds.length + 1,
    epoch: 0,
    liveRules: [],
    opened: { epoch: 0, generation: 0 },
    admin: { name: 'admin', database: 'admin', verifier: '', generation: 1 },
    operationId: 'o',
    createdAt: '',
    updatedAt: '',
  };
}

/** Carries out ready steps one at a time, chosen by `choose`, until nothing is missing; looks at each state between. */
export function carryOut(
  start: Cluster,
  choose: (ready: readonly Step[]) => Step,
  look: (state: Cluster) => void = () => undefined,
): { done: string[]; end: Cluster } {
  const done: string[] = [];
  let now = start;
  for (let ready = readySteps(now); ready.length > 0; ready = readySteps(now)) {
    if (done.length > MAX_STEPS) throw new Error(`no end after ${done.join(' ')}`);
    const step = choose(ready);
    now = applyFact(now, expectedFact(step, now));
    done.push(step.id);
    look(now);
  }
  return { done, end: now };
}

export const first = (ready: readonly Step[]): Step => ready[0] as Step;
export const last = (ready: readonly Step[]): Step => ready.at(-1) as Step;

/** A cluster of so many voters that was made. */
export function made(voters: number): Cluster {
  return carryOut(cluster(Array.from({ length: voters }, () => 'voter')), first).end;
}

/** The cluster after an entry; unchanged when that is refused. */
export function after(start: Cluster, entry: EntryBody): Cluster {
  const federation = Federation.of({ clusters: [start], operations: [] });
  federation.apply({ at: '', ...entry });
  return federation.cluster(start.id) ?? start;
}

interface FailoverOptions {
  readonly acceptsDataLoss?: boolean;
  /** The cluster as it was when that was decided. */
  readonly seen?: Cluster;
}

/** The cluster's primary is found gone, and with it whoever is away. */
export function failedOver(start: Cluster, away: readonly number[], options: FailoverOptions = {}): Cluster {
  const { acceptsDataLoss = false, seen = start } = options;
  return after(start, {
    ...({ kind: 'cluster.failover', clusterId: start.id, operationId: 'f' } as const),
    ...({ operationKind: 'cluster.failover', requestId: 'req', steps: [], reason: '' } as const),
    ...{ epoch: seen.epoch, deposed: seen.primary ?? null, away, acceptsDataLoss },
  });
}
