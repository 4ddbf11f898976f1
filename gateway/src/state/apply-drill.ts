// How the entries about drills change the state. Pure: tables in, tables changed, an answer out.
import { type Drill, isRunning, isWide } from './drills.ts';
import { type Applied, type EntryOf, refuse } from './entries.ts';
import { hasEnded } from './operations.ts';
import type { Tables } from './tables.ts';

/** Drills that have ended are forgotten beyond this many, oldest first. */
const MAX_ENDED_DRILLS = 1_000;
const MAX_MOMENTS = 200;

export function createDrill(tables: Tables, entry: EntryOf<'drill.created'>): Applied {
  const { drill } = entry;
  const cluster = tables.clusters.get(drill.spec.clusterId);
  if (cluster === undefined || cluster.wanted === 'absent') return refuse('cluster.not_found', 'The cluster is gone.');
  if (tables.drills.has(drill.id)) return refuse('state.stale', 'The id of the drill is in use.');
  const { idempotency: key } = drill;
  const isRepeat = [...tables.drills.values()].some(
    ({ idempotency }) => key !== undefined && idempotency?.key === key.key && idempotency.projectId === key.projectId,
  );
  if (isRepeat) return refuse('idempotency.repeated', 'This was asked for before.');
  if (drill.status === 'RUNNING') {
    const refused = whyNotNow(tables, drill);
    if (refused !== undefined) return refused;
    if (cluster.epoch !== drill.before.epoch || cluster.primary !== drill.before.primary) {
      return refuse('state.stale', 'The cluster has changed since. Look at it again.');
    }
  }
  tables.keepDrill({ ...drill, createdAt: entry.at, updatedAt: entry.at, phaseSince: entry.at });
  if (entry.scheduleNextAt !== undefined && drill.scheduledBy !== undefined) {
    moveOn(tables, drill.scheduledBy, entry.scheduleNextAt);
  }
  forgetOldDrills(tables);
  return {};
}

export function advanceDrill(tables: Tables, entry: EntryOf<'drill.advanced'>): Applied {
  const drill = tables.drills.get(entry.drillId);
  if (drill === undefined) return refuse('drill.not_found', 'The drill is gone.');
  if (!isRunning(drill) || drill.phase !== entry.phase) return refuse('state.stale', 'The drill has moved on.');
  const moments = entry.moments.map((moment) => ({ at: entry.at, ...moment }));
  const isNext = entry.change.phase !== undefined && entry.change.phase !== drill.phase;
  tables.drills.set(drill.id, {
    ...drill,
    ...entry.change,
    timeline: [...drill.timeline, ...moments].slice(-MAX_MOMENTS),
    ...(isNext ? { phaseSince: entry.at } : {}),
    updatedAt: entry.at,
  });
  return {};
}

/** What runs is healed and counted; what is scheduled does not begin any more. */
export function abortDrill(tables: Tables, entry: EntryOf<'drill.aborted'>): Applied {
  const drill = tables.drills.get(entry.drillId);
  if (drill === undefined) return refuse('drill.not_found', 'The drill is gone.');
  const moment = { at: entry.at, kind: 'aborted', message: entry.reason };
  const timeline = [...drill.timeline, moment];
  if (drill.status === 'SCHEDULED') {
    tables.drills.set(drill.id, { ...drill, status: 'ABORTED', timeline, updatedAt: entry.at });
    return {};
  }
  if (!isRunning(drill)) return refuse('drill.ended', `The drill has ended: ${drill.status}.`);
  if (drill.abort !== undefined) return {};
  tables.drills.set(drill.id, { ...drill, abort: entry.reason, timeline, updatedAt: entry.at });
  return {};
}

/** The drill that keeps the cluster from being changed by anybody else. */
export function drillOf(tables: Tables, clusterId: string): Drill | undefined {
  return [...tables.drills.values()].find((drill) => isRunning(drill) && drill.spec.clusterId === clusterId);
}

/** The schedule's next time, also when this run was left out. */
export function passSchedule(tables: Tables, entry: EntryOf<'drill.passed_over'>): Applied {
  const moment = { at: entry.at, kind: 'passed_over', message: entry.reason };
  return moveOn(tables, entry.drillId, entry.nextAt, moment) ? {} : refuse('drill.not_found', 'The schedule is gone.');
}

function moveOn(tables: Tables, id: string, nextAt: string, moment?: Drill['timeline'][number]): boolean {
  const schedule = tables.drills.get(id);
  if (schedule?.schedule === undefined || schedule.status !== 'SCHEDULED') return false;
  const timeline = moment === undefined ? schedule.timeline : [...schedule.timeline, moment].slice(-MAX_MOMENTS);
  tables.drills.set(id, { ...schedule, schedule: { ...schedule.schedule, nextAt }, timeline });
  return true;
}

function whyNotNow(tables: Tables, { spec }: Drill): Applied | undefined {
  const others = [...tables.drills.values()].filter(isRunning);
  const other = others.find(({ spec: its }) => its.clusterId === spec.clusterId || isWide(its) || isWide(spec));
  if (other !== undefined) {
    return refuse('drill.busy', `Drill ${other.id} (${other.spec.kind} of ${other.spec.clusterName}) runs.`);
  }
  const current = tables.operations.get(tables.clusters.get(spec.clusterId)?.operationId ?? '');
  if (current === undefined || hasEnded(current)) return undefined;
  return refuse('cluster.busy', `The cluster is being changed by operation ${current.id} (${current.kind}).`);
}

function forgetOldDrills(tables: Tables): void {
  const ended = [...tables.drills.values()].filter(({ status }) => status !== 'RUNNING' && status !== 'SCHEDULED');
  for (const { id } of ended.slice(0, Math.max(0, ended.length - MAX_ENDED_DRILLS))) tables.drills.delete(id);
}
