// How a drill goes on: a pure function of the drill, of its cluster, and of what is seen now. Its script is the same for
// every disaster: write, strike, watch until writes are acknowledged again, heal, count every acknowledged write, leave
// nothing behind, report.
import { type Cluster, isInForce, isPresent, isSettled, memberOf, wantedMembers } from '../state/clusters.ts';
import type { Drill, DrillChange, DrillMoment, DrillSpec, WriterFound } from '../state/drills.ts';
import { hasEnded, type Operation } from '../state/operations.ts';
import { reportOf } from './drill-report.ts';

/** Before the disaster, so that a drill begins with a cluster that takes writes. */
const LEAST_WRITES = 10;
const LEAST_WRITING_MS = 2_000;
const WRITING_LIMIT_MS = 60_000;
/** Writes that are acknowledged so long after the strike have come through. */
const SETTLED_MS = 3_000;
/** How long after the disaster's end writes are waited for. */
const RECOVERY_LIMIT_MS = 60_000;
const WHOLE_LIMIT_MS = 10 * 60_000;
const COUNT_LIMIT_MS = 2 * 60_000;
/** One there, and one back that may be asked for once more. */
export const MAX_SWITCHOVERS = 3;
const LEAVE_LIMIT_MS = 30_000;

/** What is seen now. */
export interface DrillScene {
  readonly cluster: Cluster | undefined;
  readonly nowMs: number;
  /** All regions of its members answer. */
  readonly areRegionsUp: boolean;
  /** The newest of the cluster's operations. */
  readonly operation: Operation | undefined;
  /** The disaster is made, as far as it can be. */
  readonly isStruck: boolean;
  /** Nothing holds back any more what was killed. */
  readonly isReleased: boolean;
  /** Nothing of the drill is left. */
  readonly hasLeft: boolean;
  readonly found: WriterFound | undefined;
  /** What the cluster's events have told since the drill began. */
  readonly told: readonly DrillMoment[];
}

export interface DrillMove {
  readonly change: DrillChange;
  readonly moments: readonly (Omit<DrillMoment, 'at'> & { readonly at?: string })[];
}

/** The next move; undefined while there is none. */
export function nextMove(drill: Drill, scene: DrillScene): DrillMove | undefined {
  if (scene.cluster === undefined || scene.cluster.wanted === 'absent') {
    return end({ ...drill, abort: drill.abort ?? 'The cluster is gone.' }, scene);
  }
  switch (drill.phase) {
    case 'writing':
      return afterWriting(drill, scene);
    case 'striking':
      return afterStriking(drill, scene);
    case 'watching':
      return afterWatching(drill, scene);
    case 'healing':
      return afterHealing(drill, scene, scene.cluster);
    case 'counting':
      return afterCounting(drill, scene);
    case 'leaving':
      return scene.hasLeft || isOver(drill, scene, LEAVE_LIMIT_MS) ? end(drill, scene) : undefined;
  }
}

/** Everything wanted is a fact, and every member takes part. */
export function isWhole(cluster: Cluster, operation: Operation | undefined): boolean {
  if (cluster.primary === undefined || !isSettled(cluster)) return false;
  if (operation !== undefined && !hasEnded(operation)) return false;
  return wantedMembers(cluster).every(
    (member) =>
      isPresent(member) && member.facts.isUp === true && (member.kind === 'arbiter' || isInForce(cluster, member)),
  );
}

/** The member that writes: one that the disaster spares; undefined when it spares none. */
export function writerOf(cluster: Cluster, spec: Pick<DrillSpec, 'kind' | 'region'>): number | undefined {
  const spared = wantedMembers(cluster).filter(({ kind, region, ordinal }) => {
    if (kind === 'arbiter' || region === spec.region) return false;
    return spec.kind !== 'primary-crash' || ordinal !== cluster.primary;
  });
  const replica = spared.find(({ ordinal }) => ordinal !== cluster.primary);
  return (replica ?? spared[0])?.ordinal;
}

function afterWriting(drill: Drill, scene: DrillScene): DrillMove | undefined {
  if (drill.abort !== undefined) return to('counting');
  const acknowledged = scene.found?.acknowledged ?? 0;
  const sinceMs = scene.nowMs - Date.parse(drill.phaseSince);
  if (acknowledged >= LEAST_WRITES && sinceMs >= LEAST_WRITING_MS) {
    const [at, until] = [scene.nowMs, scene.nowMs + drill.spec.outageMs].map(timeText) as [string, string];
    const message = `${acknowledged} writes are acknowledged; ${disasterOf(drill)}`;
    return { change: { phase: 'striking', strike: { at, until } }, moments: [{ kind: 'strikes', message }] };
  }
  if (sinceMs < WRITING_LIMIT_MS) return undefined;
  const abort = `Too few writes were acknowledged to begin with: ${scene.found?.detail || 'the writer does not answer'}`;
  return { change: { phase: 'counting', abort }, moments: [{ kind: 'aborted', message: abort }] };
}

function afterStriking(drill: Drill, scene: DrillScene): DrillMove | undefined {
  const isPast = scene.nowMs >= Date.parse(drill.strike?.until ?? '');
  if (!scene.isStruck && !isPast) return undefined;
  return to('watching', { kind: 'struck', message: struckText(drill) });
}

function afterWatching(drill: Drill, scene: DrillScene): DrillMove | undefined {
  const { spec, strike } = drill;
  if (drill.abort !== undefined) return to('healing');
  if (scene.nowMs - Date.parse(drill.createdAt) > spec.abortAfterMs) {
    const abort = `It was to be broken off after ${spec.abortAfterMs / 1_000} s.`;
    return { change: { phase: 'healing', abort }, moments: [{ kind: 'aborted', message: abort }] };
  }
  if (spec.kind === 'switchover') {
    const { operation } = scene;
    if (operation === undefined || !hasEnded(operation)) return undefined;
    const message = `The switchover ended ${operation.status}${operation.error === undefined ? '.' : `: ${operation.error}`}`;
    return to('healing', { kind: 'switched_over', message });
  }
  const struckMs = Date.parse(strike?.at ?? '');
  const untilMs = Date.parse(strike?.until ?? '');
  const lastMs = Date.parse(scene.found?.lastAt ?? '');
  const isThrough = lastMs >= struckMs + SETTLED_MS && (spec.kind !== 'control-plane-loss' || scene.nowMs >= untilMs);
  if (isThrough) {
    const { rtoMs } = reportOf({ ...drill, ...foundOf(scene) });
    return to('healing', { kind: 'recovered', message: `Writes are acknowledged; the longest pause is ${rtoMs} ms.` });
  }
  if (scene.nowMs < untilMs + RECOVERY_LIMIT_MS) return undefined;
  return to('healing', { kind: 'not_recovered', message: 'No write is acknowledged yet.' });
}

function afterHealing(drill: Drill, scene: DrillScene, cluster: Cluster): DrillMove | undefined {
  const isBack = cluster.primary === drill.before.primary || drill.operations.length >= MAX_SWITCHOVERS;
  const isThere = drill.spec.kind !== 'switchover' || isBack;
  if (scene.isReleased && isThere && scene.areRegionsUp && isWhole(cluster, scene.operation)) {
    const ms = scene.nowMs - Date.parse(drill.phaseSince);
    return to('counting', { kind: 'whole', message: `Every member takes part again, ${ms} ms after healing began.` });
  }
  if (!isOver(drill, scene, WHOLE_LIMIT_MS)) return undefined;
  return to('counting', { kind: 'not_whole', message: 'The cluster is not whole again; what was written is counted.' });
}

function afterCounting(drill: Drill, scene: DrillScene): DrillMove | undefined {
  const { count } = scene.found ?? {};
  if (count !== undefined && scene.found !== undefined) {
    const { acknowledged } = scene.found;
    const message = `Of ${acknowledged} acknowledged writes ${count.lost} are lost, ${count.doubled} are there twice.`;
    return { change: { phase: 'leaving', found: scene.found }, moments: [{ kind: 'counted', message }] };
  }
  if (!isOver(drill, scene, COUNT_LIMIT_MS)) return undefined;
  return to('leaving', {
    kind: 'not_counted',
    message: 'The writer or the primary did not answer: nothing is counted.',
  });
}

function end(drill: Drill, scene: DrillScene): DrillMove {
  const report = reportOf(drill);
  const status = drill.abort !== undefined ? 'ABORTED' : report.verdict === 'unknown' ? 'FAILED' : 'DONE';
  const message = `${report.verdict}: ${report.reasons.join(' ')}`;
  const { cluster } = scene;
  const primary = cluster?.primary;
  const after = cluster === undefined || primary === undefined ? {} : { after: { primary, epoch: cluster.epoch } };
  const left = scene.hasLeft
    ? []
    : [{ kind: 'left_behind', message: "The drill's table may be left in the database." }];
  const abort = drill.abort === undefined ? {} : { abort: drill.abort };
  return {
    change: { status, report, ...abort, ...after },
    moments: [...scene.told, ...left, { kind: 'ended', message }],
  };
}

function to(phase: Drill['phase'], moment?: Omit<DrillMoment, 'at'>): DrillMove {
  return { change: { phase }, moments: moment === undefined ? [] : [moment] };
}

function foundOf({ found }: DrillScene): { found?: WriterFound } {
  return found === undefined ? {} : { found };
}

function isOver(drill: Drill, scene: DrillScene, limitMs: number): boolean {
  return scene.nowMs - Date.parse(drill.phaseSince) >= limitMs;
}

function disasterOf({ spec, before }: Drill): string {
  const forSeconds = `for ${spec.outageMs / 1_000} s`;
  switch (spec.kind) {
    case 'switchover':
      return 'another member is made the primary.';
    case 'primary-crash':
      return `the power of member ${before.primary}, the primary, is cut ${forSeconds}.`;
    case 'control-plane-loss':
      return `every gateway peer and executor is killed ${forSeconds}.`;
    case 'region-outage':
      return `region ${spec.region} ${spec.scope === 'cut' ? 'is cut off' : 'is killed'} ${forSeconds}.`;
  }
}

function struckText({ spec }: Drill): string {
  return spec.kind === 'switchover' ? 'The switchover is under way.' : 'The disaster is there.';
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

/** The members of this cluster that the disaster kills. */
export function victimsOf({ spec, before }: Drill, cluster: Cluster): readonly number[] {
  if (spec.kind === 'primary-crash') return memberOf(cluster, before.primary) === undefined ? [] : [before.primary];
  if (spec.kind !== 'region-outage' || spec.scope === 'cut') return [];
  return cluster.members.filter(({ region }) => region === spec.region).map(({ ordinal }) => ordinal);
}
