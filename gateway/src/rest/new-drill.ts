// Reads what drill is asked for, and makes one of it: who writes, and why it cannot be now.
import { z } from 'zod';
import { isWhole, writerOf } from '../planning/drill.ts';
import { type Cluster, memberOf } from '../state/clusters.ts';
import { DRILL_KINDS, type Drill, type DrillKind, type DrillSpec } from '../state/drills.ts';
import type { Federation } from '../state/federation.ts';
import { demandPrimary } from './engine-ruled.ts';
import { ApiError, invalidField } from './errors.ts';

const DEFAULT_OUTAGE_SECONDS = 15;
const MAX_OUTAGE_SECONDS = 3_600;
const DEFAULT_ABORT_SECONDS = 300;
const MAX_ABORT_SECONDS = 4 * 3_600;
const MAX_GOAL_MS = 3_600_000;
const MAX_CRON = 100;

/** What is acceptable where nothing else is said: how long writes may pause. */
const GOAL_MS: Readonly<Record<DrillKind, number>> = {
  'region-outage': 10_000,
  'primary-crash': 10_000,
  'control-plane-loss': 2_000,
  switchover: 3_000,
};

const name = z.string().min(1).max(255);

export const newDrill = z.strictObject({
  drill: z.strictObject({
    kind: z.enum(DRILL_KINDS),
    cluster: name.meta({ description: 'Its id or name.' }),
    region: name.optional().meta({ description: 'Which dies, in a `region-outage`.' }),
    live: z.boolean().optional().meta({
      description: 'The whole region dies, with all that runs there; else only the members of this cluster in it.',
    }),
    how: z.enum(['killed', 'cut_off']).optional().meta({ description: '`cut_off` needs network namespaces.' }),
    to: name.optional().meta({ description: 'Whom a `switchover` goes to: a member or a region.' }),
    outage_seconds: z.int().min(1).max(MAX_OUTAGE_SECONDS).optional(),
    abort_after_seconds: z.int().min(1).max(MAX_ABORT_SECONDS).optional(),
    goals: z
      .strictObject({ rto_ms: z.int().min(1).max(MAX_GOAL_MS).optional(), lost_writes: z.int().min(0).optional() })
      .optional(),
    schedule: z.string().min(1).max(MAX_CRON).optional().meta({
      description: 'A cron expression, in UTC: each run is a drill of its own, until this one is aborted.',
    }),
  }),
});
type NewDrill = z.infer<typeof newDrill>['drill'];

/** @throws ApiError request.invalid, region.not_found */
export function specOf(wish: NewDrill, cluster: Cluster, federation: Federation): DrillSpec {
  const { kind, region, to } = wish;
  const isOutage = kind === 'region-outage';
  if (isOutage && region === undefined) throw invalidField('drill.region', 'must be given: which region dies');
  for (const field of ['region', 'live', 'how'] as const) {
    if (!isOutage && wish[field] !== undefined) throw invalidField(`drill.${field}`, `is not for a ${kind}`);
  }
  if (kind !== 'switchover' && to !== undefined) throw invalidField('drill.to', `is not for a ${kind}`);
  if (region !== undefined && federation.region(region) === undefined) {
    throw new ApiError('region.not_found', `There is no region "${region}".`);
  }
  return {
    ...{ kind, clusterId: cluster.id, clusterName: cluster.name, projectId: cluster.projectId },
    ...(region === undefined ? {} : { region }),
    ...(to === undefined ? {} : { to }),
    scope: wish.how === 'cut_off' ? 'cut' : wish.live === true ? 'region' : 'members',
    outageMs: (wish.outage_seconds ?? DEFAULT_OUTAGE_SECONDS) * 1_000,
    abortAfterMs: (wish.abort_after_seconds ?? DEFAULT_ABORT_SECONDS) * 1_000,
    goals: { rtoMs: wish.goals?.rto_ms ?? GOAL_MS[kind], lostWrites: wish.goals?.lost_writes ?? 0 },
  };
}

export interface DrillOrigin
  extends Pick<Drill, 'id' | 'requestId'>,
    Partial<Pick<Drill, 'idempotency' | 'scheduledBy'>> {
  readonly schedule?: Drill['schedule'];
}

/** The drill at its beginning. @throws ApiError drill.impossible */
export function drillOf(spec: DrillSpec, cluster: Cluster, federation: Federation, origin: DrillOrigin): Drill {
  demandPrimary(cluster, 'drill.impossible');
  const isScheduled = origin.schedule !== undefined;
  const writer = writerOf(cluster, spec);
  if (writer === undefined) {
    throw new ApiError('drill.impossible', 'The disaster spares no member of the cluster, so that nobody could write.');
  }
  const isHit = spec.region === undefined || cluster.members.some(({ region }) => region === spec.region);
  if (!isHit) throw new ApiError('drill.impossible', `The cluster has no member in ${spec.region}.`);
  const voters = cluster.members.filter(({ kind, isRetired }) => kind === 'voter' && !isRetired);
  if (spec.kind === 'switchover' && voters.length < 2) {
    throw new ApiError('drill.impossible', 'The cluster has no other voter to switch over to.');
  }
  const isUp = cluster.members.every(({ region }) => federation.region(region)?.status === 'UP');
  if (!isScheduled && !(isUp && isWhole(cluster, federation.operation(cluster.operationId)))) {
    throw new ApiError(
      'drill.impossible',
      'Not every member of the cluster is up and follows its primary, or a change is under way: a drill begins with a whole cluster.',
    );
  }
  return {
    ...{ id: origin.id, spec, status: isScheduled ? 'SCHEDULED' : 'RUNNING', phase: 'writing', phaseSince: '', writer },
    before: { primary: memberOf(cluster, cluster.primary)?.ordinal ?? 0, epoch: cluster.epoch },
    ...{ operations: [], timeline: [], requestId: origin.requestId, createdAt: '', updatedAt: '' },
    ...(origin.schedule === undefined ? {} : { schedule: origin.schedule }),
    ...(origin.scheduledBy === undefined ? {} : { scheduledBy: origin.scheduledBy }),
    ...(origin.idempotency === undefined ? {} : { idempotency: origin.idempotency }),
  };
}
