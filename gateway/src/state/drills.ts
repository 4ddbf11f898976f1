// A drill: a rehearsed disaster with a script, a measure and a report. All of it is replicated, so that whoever leads the
// gateway goes on with it; the numbers that its writer keeps lie at the writing member until they are counted.
import type { Idempotency } from './idempotency.ts';

export const DRILL_KINDS = ['region-outage', 'primary-crash', 'control-plane-loss', 'switchover'] as const;
export type DrillKind = (typeof DRILL_KINDS)[number];

export type DrillStatus = 'SCHEDULED' | 'RUNNING' | 'DONE' | 'FAILED' | 'ABORTED';

/** In this order; an abort leads to `healing`. */
export type DrillPhase = 'writing' | 'striking' | 'watching' | 'healing' | 'counting' | 'leaving';

/** `region`: the whole of it, with all that runs there. `cut`: it lives, and its links to the others are cut. */
export type DrillScope = 'members' | 'region' | 'cut';

/** What the disaster may cost. */
export interface DrillGoals {
  readonly rtoMs: number;
  readonly lostWrites: number;
}

/** What is asked for; the same for each drill of a schedule. */
export interface DrillSpec {
  readonly kind: DrillKind;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly projectId: string;
  /** Of a region's outage. */
  readonly region?: string;
  readonly scope: DrillScope;
  /** Of a switchover: who shall lead, or whose region; absent: the best placed. */
  readonly to?: string;
  /** How long the disaster lasts. */
  readonly outageMs: number;
  /** After so long it is healed, whatever was seen. */
  readonly abortAfterMs: number;
  readonly goals: DrillGoals;
}

export interface DrillMoment {
  readonly at: string;
  /** Such as `struck`. */
  readonly kind: string;
  readonly message: string;
}

/** What the writer has told, in times of the leader's clock. */
export interface WriterFound {
  readonly acknowledged: number;
  readonly unanswered: number;
  readonly lastAt?: string;
  /** The longest first. */
  readonly pauses: readonly { readonly from: string; readonly lastedMs: number }[];
  readonly detail: string;
  readonly count?: { readonly lost: number; readonly doubled: number; readonly lostMs: number };
}

export interface DrillReport {
  readonly rtoMs: number | null;
  readonly rpoMs: number | null;
  readonly acknowledgedWrites: number;
  readonly unansweredWrites: number;
  readonly lostWrites: number | null;
  readonly doubledWrites: number | null;
  readonly verdict: 'passed' | 'failed' | 'unknown' | 'aborted';
  /** In sentences. */
  readonly reasons: readonly string[];
}

export interface Drill {
  readonly id: string;
  readonly spec: DrillSpec;
  readonly status: DrillStatus;
  readonly phase: DrillPhase;
  readonly phaseSince: string;
  /** The ordinal of the member that writes. */
  readonly writer: number;
  /** Of the primary, and the epoch, as it began. */
  readonly before: { readonly primary: number; readonly epoch: number };
  readonly after?: { readonly primary: number; readonly epoch: number };
  /** When the disaster was decided, and when it ends by itself. */
  readonly strike?: { readonly at: string; readonly until: string };
  /** Operations that it has asked for: the switchover, and the one back. */
  readonly operations: readonly string[];
  readonly found?: WriterFound;
  /** Why it is broken off, in a sentence. */
  readonly abort?: string;
  readonly timeline: readonly DrillMoment[];
  readonly report?: DrillReport;
  /** Of one that only begins others. */
  readonly schedule?: { readonly cron: string; readonly nextAt: string };
  /** Whose run this is. */
  readonly scheduledBy?: string;
  readonly requestId: string;
  readonly idempotency?: Idempotency;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What a step of a drill changes. */
export type DrillChange = Partial<
  Pick<Drill, 'phase' | 'strike' | 'operations' | 'found' | 'abort' | 'after' | 'report' | 'status' | 'schedule'>
>;

export function isRunning({ status }: Drill): boolean {
  return status === 'RUNNING';
}

/** True for a disaster that others feel as well: no other drill runs beside it. */
export function isWide({ kind, scope }: DrillSpec): boolean {
  return kind === 'control-plane-loss' || (kind === 'region-outage' && scope !== 'members');
}
