// A drill as the API shows it.
import { z } from 'zod';
import { type Cluster, memberId } from '../state/clusters.ts';
import { DRILL_KINDS, type Drill } from '../state/drills.ts';

const time = z.iso.datetime();

const goalsSchema = z.strictObject({ rto_ms: z.int(), lost_writes: z.int() });
const placeSchema = z.strictObject({ primary: z.string(), epoch: z.int() });

const reportSchema = z
  .strictObject({
    timeline: z.array(z.strictObject({ at: time, kind: z.string(), message: z.string() })),
    rto_ms: z.int().nullable().meta({
      description: 'The longest time without an acknowledged write, as the writer saw it; null when it did not tell.',
    }),
    rpo_ms: z.int().nullable().meta({ description: 'Of acknowledged writes that are lost; null when not counted.' }),
    acknowledged_writes: z.int(),
    unanswered_writes: z.int().meta({ description: 'They may be there or not: they were acknowledged to nobody.' }),
    lost_writes: z.int().nullable(),
    doubled_writes: z.int().nullable(),
    goals: goalsSchema,
    verdict: z.enum(['passed', 'failed', 'unknown', 'aborted']),
    reasons: z.array(z.string()),
    before: placeSchema,
    after: placeSchema.nullable(),
    pauses: z.array(z.strictObject({ from: time, lasted_ms: z.int() })),
  })
  .meta({ id: 'DrillReport' });

export const drillSchema = z
  .strictObject({
    id: z.string(),
    kind: z.enum(DRILL_KINDS),
    cluster: z.string().meta({ description: 'Its name.' }),
    cluster_id: z.string(),
    project_id: z.string(),
    region: z.string().nullable(),
    live: z.boolean().meta({ description: 'The whole region, not only the members of this cluster in it.' }),
    how: z.enum(['killed', 'cut_off']),
    to: z.string().nullable(),
    outage_seconds: z.number(),
    abort_after_seconds: z.number(),
    goals: goalsSchema,
    status: z.enum(['SCHEDULED', 'RUNNING', 'DONE', 'FAILED', 'ABORTED']),
    phase: z.enum(['writing', 'striking', 'watching', 'healing', 'counting', 'leaving']).nullable(),
    writer: z.string().nullable().meta({ description: 'The member that writes.' }),
    acknowledged_writes: z.int().nullable().meta({ description: 'So far.' }),
    schedule: z.string().nullable(),
    next_at: time.nullable(),
    scheduled_by: z.string().nullable(),
    timeline: reportSchema.shape.timeline,
    report: reportSchema.nullable().meta({ description: 'Once it has ended.' }),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Drill' });
export type DrillView = z.infer<typeof drillSchema>;

export function viewDrill(drill: Drill, cluster?: Cluster): DrillView {
  const { spec, schedule } = drill;
  const nameOf = (ordinal: number): string => memberId(cluster?.name ?? spec.clusterName, ordinal);
  const timeline = [...drill.timeline].sort((left, right) => (left.at < right.at ? -1 : left.at > right.at ? 1 : 0));
  const goals = { rto_ms: spec.goals.rtoMs, lost_writes: spec.goals.lostWrites };
  return {
    ...{ id: drill.id, kind: spec.kind, cluster: spec.clusterName, cluster_id: spec.clusterId },
    ...{ project_id: spec.projectId, region: spec.region ?? null, live: spec.scope !== 'members' },
    ...{ how: spec.scope === 'cut' ? 'cut_off' : 'killed', to: spec.to ?? null, goals, status: drill.status },
    outage_seconds: spec.outageMs / 1_000,
    abort_after_seconds: spec.abortAfterMs / 1_000,
    phase: drill.status === 'RUNNING' ? drill.phase : null,
    writer: schedule === undefined ? nameOf(drill.writer) : null,
    acknowledged_writes: drill.found?.acknowledged ?? null,
    schedule: schedule?.cron ?? null,
    next_at: drill.status === 'SCHEDULED' ? (schedule?.nextAt ?? null) : null,
    scheduled_by: drill.scheduledBy ?? null,
    timeline,
    report: viewReport(drill, { timeline, goals, nameOf }),
    created_at: drill.createdAt,
    updated_at: drill.updatedAt,
  };
}

function viewReport(
  { report, found, before, after }: Drill,
  context: Pick<NonNullable<DrillView['report']>, 'timeline' | 'goals'> & { nameOf: (ordinal: number) => string },
): DrillView['report'] {
  if (report === undefined) return null;
  const { timeline, goals, nameOf } = context;
  const place = ({ primary, epoch }: { primary: number; epoch: number }) => ({ primary: nameOf(primary), epoch });
  return {
    ...{ timeline, rto_ms: report.rtoMs, rpo_ms: report.rpoMs, acknowledged_writes: report.acknowledgedWrites },
    ...{ unanswered_writes: report.unansweredWrites, lost_writes: report.lostWrites },
    ...{ doubled_writes: report.doubledWrites, goals, verdict: report.verdict, reasons: [...report.reasons] },
    before: place(before),
    after: after === undefined ? null : place(after),
    pauses: (found?.pauses ?? []).map(({ from, lastedMs }) => ({ from, lasted_ms: lastedMs })),
  };
}
