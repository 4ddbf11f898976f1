// What stands in the log. An entry carries results, never a question: times, ids, placements and plans were drawn by the
// leader before it proposed. A kind once written keeps its meaning for ever; what changes gets a new kind.
import type { Accounts } from '@argosy/datastores';
import type { AdminUser, Member, Promised, Rule, Tail } from './clusters.ts';
import type { Drill, DrillChange, DrillMoment, DrillPhase } from './drills.ts';
import type { Idempotency } from './idempotency.ts';
import type { FailureClass, OperationKind } from './operations.ts';
import type { PlannedStep } from './planned-step.ts';
import type { ProjectLink } from './project-links.ts';
import type { JoinedRegion, Region } from './regions.ts';
import type { ClusterSpec, ParameterSet, WantedMember } from './spec.ts';

/** What a finished step has made true. */
export type Fact =
  | {
      readonly kind: 'placed';
      readonly flavor: string;
      readonly volumeGib: number;
      readonly ordinal: number;
      readonly address: string;
      readonly port: number;
      readonly serverName: string;
      readonly stackId: string;
    }
  /** The next epoch is being elected; `ordinal` is who shall be its primary. */
  | { readonly kind: 'raised'; readonly ordinal: number; readonly epoch: number }
  | { readonly kind: 'promised'; readonly ordinal: number; readonly promise: Promised }
  | { readonly kind: 'elected'; readonly ordinal: number; readonly rule: Rule }
  | { readonly kind: 'rule_changed'; readonly ordinal: number; readonly rule: Rule }
  | { readonly kind: 'initialised'; readonly ordinal: number }
  /** It leads the epoch by the rule of that generation, and knows these peers and this first user. */
  | {
      readonly kind: 'promoted';
      readonly ordinal: number;
      readonly epoch: number;
      readonly generation: number;
      readonly knownPeers: readonly number[];
      readonly adminGeneration: number;
    }
  | { readonly kind: 'rested'; readonly ordinal: number; readonly epoch: number }
  | { readonly kind: 'resized'; readonly ordinal: number; readonly flavor: string; readonly volumeGib: number }
  | { readonly kind: 'seeded'; readonly ordinal: number; readonly epoch: number }
  /** Its log goes on with that of the epoch's primary again. */
  | {
      readonly kind: 'rejoined';
      readonly ordinal: number;
      readonly epoch: number;
      readonly method: 'unchanged' | 'rewound' | 'copied';
      readonly tail?: Omit<Tail, 'epoch' | 'mayBeAcknowledged'>;
    }
  | { readonly kind: 'following'; readonly ordinal: number; readonly epoch: number; readonly generation: number }
  | { readonly kind: 'opened'; readonly ordinal: number; readonly epoch: number; readonly generation: number }
  | { readonly kind: 'removed'; readonly ordinal: number }
  /** It runs with these. */
  | { readonly kind: 'parameterized'; readonly ordinal: number; readonly parameters: ParameterSet }
  /** It has taken nothing of the parameters of that generation, for it would have to start anew. */
  | { readonly kind: 'restart_needed'; readonly ordinal: number; readonly generation: number }
  /** It has the users and databases of that generation, and none of those that shall be gone. */
  | { readonly kind: 'accounted'; readonly ordinal: number; readonly generation: number }
  /** Where the engine rules itself: it has a vote there, and serves. */
  | { readonly kind: 'joined'; readonly ordinal: number }
  /** The same, in a cluster that was begun anew, or in which that was prepared, and in which epoch. */
  | { readonly kind: 'returned'; readonly ordinal: number; readonly epoch: number }
  /** The engine counts it no more. */
  | { readonly kind: 'dismissed'; readonly ordinal: number };

export interface OperationStart {
  readonly idempotency?: Idempotency;
  readonly operationId: string;
  readonly operationKind: OperationKind;
  readonly requestId: string;
  readonly steps: readonly PlannedStep[];
}

/** Without its time, which the proposer adds. */
export type EntryBody =
  | (OperationStart & {
      readonly kind: 'cluster.created';
      readonly clusterId: string;
      readonly name: string;
      readonly projectId: string;
      readonly spec: ClusterSpec;
      readonly members: readonly WantedMember[];
      readonly admin: AdminUser;
    })
  | (OperationStart & { readonly kind: 'cluster.unwanted'; readonly clusterId: string })
  | (OperationStart & {
      readonly kind: 'cluster.changed';
      readonly clusterId: string;
      /** The revision that the change was made from. */
      readonly baseRevision: number;
      readonly spec: ClusterSpec;
      /** All that are wished from now on; new ones have ordinals from the counter. */
      readonly members: readonly WantedMember[];
      readonly admin: AdminUser;
      readonly wantedPrimary?: number;
      /** The drill that it belongs to; any other change waits for the drill's end. */
      readonly drillId?: string;
    })
  | {
      /** A site had no room: this member is wished elsewhere, under a new ordinal. */
      readonly kind: 'member.replaced';
      readonly clusterId: string;
      readonly operationId: string;
      readonly retired: number;
      readonly member: WantedMember;
      readonly steps: readonly PlannedStep[];
    }
  | { readonly kind: 'step.started'; readonly operationId: string; readonly step: PlannedStep }
  | {
      readonly kind: 'step.finished';
      readonly operationId: string;
      readonly stepId: string;
      readonly facts: readonly Fact[];
    }
  | {
      readonly kind: 'step.failed';
      readonly operationId: string;
      readonly stepId: string;
      readonly error: string;
      readonly failureClass: FailureClass;
      readonly retryAt?: string;
    }
  | {
      /** The operation will not reach its goal: what it wished is wished no more. */
      readonly kind: 'operation.failing';
      readonly operationId: string;
      readonly outcome: 'FAILED' | 'CANCELLED';
      readonly error: string;
      readonly steps: readonly PlannedStep[];
    }
  | { readonly kind: 'operation.ended'; readonly operationId: string }
  | (OperationStart & {
      /** The primary is gone: another epoch is elected without it, and whatever else was changing waits. */
      readonly kind: 'cluster.failover';
      readonly clusterId: string;
      /** The epoch that was looked at, and its primary; null while it was being elected. */
      readonly epoch: number;
      readonly deposed: number | null;
      /** Members that nobody answers for. */
      readonly away: readonly number[];
      readonly acceptsDataLoss: boolean;
      readonly reason: string;
    })
  | {
      /** Who does not answer has changed. */
      readonly kind: 'members.seen';
      readonly clusterId: string;
      readonly away: readonly number[];
      /** Brings back into force who has returned. */
      readonly repair?: OperationStart;
    }
  | {
      /** Too few voters acknowledge, and the tenant chose to go on without them. */
      readonly kind: 'cluster.degraded';
      readonly clusterId: string;
      /** Of the rule that was looked at. */
      readonly epoch: number;
      readonly generation: number;
      readonly without: readonly number[];
      readonly reason: string;
      /** Unless an operation is under way that goes on with it. */
      readonly repair?: OperationStart;
    }
  | {
      /** Asked to follow, a member found that its log went another way. */
      readonly kind: 'member.diverged';
      readonly clusterId: string;
      readonly operationId: string;
      readonly stepId: string;
      readonly ordinal: number;
      readonly epoch: number;
      readonly reason: string;
    }
  | {
      /** A member that had diverged, or was left out, is back: how, and what of it was kept. */
      readonly kind: 'member.rejoined';
      readonly clusterId: string;
      readonly operationId: string;
      readonly stepId: string;
      readonly fact: Extract<Fact, { kind: 'rejoined' }>;
      /** Why it was copied and not rewound. */
      readonly reason?: string;
    }
  | (OperationStart & {
      readonly kind: 'accounts.changed';
      readonly clusterId: string;
      /** The revision that the change was made from. */
      readonly baseRevision: number;
      readonly accounts: Accounts;
    })
  | {
      /** A member has, or would have to start anew for, what is wished of its settings, users and databases. */
      readonly kind: 'member.configured';
      readonly operationId: string;
      readonly stepId: string;
      readonly fact: Extract<Fact, { kind: 'parameterized' | 'restart_needed' | 'accounted' }>;
    }
  | {
      /** The engine counts this member among its own, or no more. */
      readonly kind: 'member.listed';
      readonly operationId: string;
      readonly stepId: string;
      readonly fact: Extract<Fact, { kind: 'joined' | 'dismissed' }>;
    }
  | {
      /** The engine's cluster goes on in the newest epoch, with this member. */
      readonly kind: 'member.returned';
      readonly operationId: string;
      readonly stepId: string;
      readonly fact: Extract<Fact, { kind: 'returned' }>;
    }
  /** Changes nothing: it is told to those who watch. */
  | {
      readonly kind: 'cluster.noted';
      readonly clusterId: string;
      readonly event: 'primary.suspected' | 'primary.trusted' | 'failover.waits';
      readonly message: string;
    }
  | {
      readonly kind: 'member.observed';
      readonly clusterId: string;
      readonly ordinal: number;
      readonly isUp: boolean;
      readonly detail?: string;
    }
  | { readonly kind: 'region.observed'; readonly region: Omit<Region, 'updatedAt' | 'isDrained'> }
  | { readonly kind: 'region.added'; readonly region: JoinedRegion }
  | { readonly kind: 'region.removed'; readonly name: string }
  | { readonly kind: 'region.drained'; readonly name: string; readonly isDrained: boolean }
  | {
      /** `at` stands in for the drill's own times. */
      readonly kind: 'drill.created';
      readonly drill: Drill;
      /** When the schedule that it comes from begins another. */
      readonly scheduleNextAt?: string;
    }
  | {
      readonly kind: 'drill.advanced';
      readonly drillId: string;
      /** The phase that was looked at. */
      readonly phase: DrillPhase;
      readonly change: DrillChange;
      /** Those without a time of their own are of the entry's. */
      readonly moments: readonly (Omit<DrillMoment, 'at'> & { readonly at?: string })[];
    }
  | { readonly kind: 'drill.aborted'; readonly drillId: string; readonly reason: string }
  /** A run of a schedule could not begin. */
  | {
      readonly kind: 'drill.passed_over';
      readonly drillId: string;
      readonly nextAt: string;
      readonly reason: string;
    }
  /** An administrator's word that projects of several Keystones are one tenant. */
  | { readonly kind: 'projects.linked'; readonly link: ProjectLink }
  | { readonly kind: 'projects.unlinked'; readonly linkId: string }
  /**
   * A single peer's log is taken for the truth. Others may have raised epochs that it does not know of, so every
   * cluster's is raised by more than that can be; and what was heard of the regions counts no more.
   */
  | { readonly kind: 'federation.recovered'; readonly epochs: number };

export type Entry = { readonly at: string } & EntryBody;

export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { kind: Kind }>;

/**
 * Every kind, and whether all versions of a peer can apply it. One that is `announced` is proposed only when every peer
 * has said that it can.
 */
const KINDS: Readonly<Record<Entry['kind'], 'founding' | 'announced'>> = {
  'cluster.created': 'founding',
  'cluster.unwanted': 'founding',
  'cluster.changed': 'founding',
  'member.replaced': 'founding',
  'step.started': 'founding',
  'step.finished': 'founding',
  'step.failed': 'founding',
  'operation.failing': 'founding',
  'operation.ended': 'founding',
  'member.observed': 'founding',
  'region.observed': 'founding',
  'federation.recovered': 'announced',
  'cluster.failover': 'announced',
  'members.seen': 'announced',
  'member.diverged': 'announced',
  'member.rejoined': 'announced',
  'cluster.degraded': 'announced',
  'cluster.noted': 'announced',
  'accounts.changed': 'announced',
  'member.configured': 'announced',
  'member.listed': 'announced',
  'member.returned': 'announced',
  'region.added': 'announced',
  'region.removed': 'announced',
  'region.drained': 'announced',
  'drill.created': 'announced',
  'drill.advanced': 'announced',
  'drill.aborted': 'announced',
  'drill.passed_over': 'announced',
  'projects.linked': 'announced',
  'projects.unlinked': 'announced',
};

/** What this peer announces. */
export const ANNOUNCED_KINDS: readonly string[] = Object.entries(KINDS)
  .filter(([, since]) => since === 'announced')
  .map(([kind]) => kind);

/** The kind to name when this is proposed; undefined for what every version can apply. */
export function announcedKindOf({ kind }: Pick<Entry, 'kind'>): string | undefined {
  return KINDS[kind] === 'announced' ? kind : undefined;
}

export type { PlannedStep } from './planned-step.ts';

/** Why an entry changed nothing. The codes are those of the REST API. */
export interface Refusal {
  readonly code:
    | 'idempotency.repeated'
    | 'cluster.name_taken'
    | 'cluster.not_found'
    | 'cluster.busy'
    | 'operation.not_found'
    | 'region.not_found'
    | 'region.name_taken'
    | 'region.in_use'
    | 'drill.not_found'
    | 'drill.busy'
    | 'drill.ended'
    | 'project.linked'
    | 'project.in_use'
    | 'project.not_linked'
    | 'state.stale';
  readonly message: string;
}

/** What applying an entry answers to its proposer. */
export type Applied = { readonly refused?: Refusal };

export function refuse(code: Refusal['code'], message: string): Applied {
  return { refused: { code, message } };
}

/** Bytes of the log. */
export function encodeEntry(entry: Entry): Uint8Array {
  return Buffer.from(JSON.stringify(entry));
}

/** The reverse. @throws SyntaxError when the bytes are not an entry, which must end the process. */
export function decodeEntry(data: Uint8Array): Entry {
  return JSON.parse(Buffer.from(data).toString('utf8')) as Entry;
}

/** A member as it is when it is first wished. */
export function newMember(wanted: WantedMember): Member {
  return { ...wanted, facts: {}, isRetired: false };
}
