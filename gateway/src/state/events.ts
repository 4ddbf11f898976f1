// What happened, for those who watch: made while an entry is applied, so every peer numbers the same events the same and
// a watcher can go on at any of them. Old ones are forgotten.
import { type Cluster, isAsync, type Tail } from './clusters.ts';
import type { Drill } from './drills.ts';
import type { Entry, EntryOf } from './entries.ts';
import type { Operation } from './operations.ts';
import type { Region } from './regions.ts';

/** Events that are kept; a watcher that was away for longer begins with the oldest. */
export const MAX_EVENTS = 10_000;

export interface FederationEvent {
  /** Counts from 1, without gaps. */
  readonly id: number;
  readonly at: string;
  /** Such as `operation.started`. */
  readonly kind: string;
  /** Whose it is; absent for what concerns the whole federation. */
  readonly projectId?: string;
  readonly clusterId?: string;
  readonly operationId?: string;
  readonly message: string;
}

export type NewEvent = Omit<FederationEvent, 'id' | 'at'>;

/** The state in which an event is told. */
interface Scene {
  cluster(id: string): Cluster | undefined;
  operation(id: string): Operation | undefined;
  drill(id: string): Drill | undefined;
}

/** The event that an entry makes, if it makes one. `scene` is the state after it, `before` the region as it was. */
export function eventOf(entry: Entry, scene: Scene, before: Region | undefined): NewEvent | undefined {
  switch (entry.kind) {
    case 'cluster.created':
    case 'cluster.changed':
    case 'cluster.unwanted':
    case 'accounts.changed':
      return ofOperation('operation.started', entry.operationId, entry.operationKind, scene);
    case 'operation.failing':
      return ofOperation('operation.failing', entry.operationId, entry.error, scene);
    case 'operation.ended': {
      const operation = scene.operation(entry.operationId);
      return ofOperation('operation.ended', entry.operationId, `${operation?.kind} ${operation?.status}`, scene);
    }
    case 'step.started':
      return ofOperation(entry.kind, entry.operationId, entry.step.id, scene);
    case 'step.finished':
    case 'member.configured':
    case 'member.listed':
    case 'member.returned':
      return ofOperation('step.finished', entry.operationId, entry.stepId, scene);
    case 'step.failed':
      return ofOperation(entry.kind, entry.operationId, `${entry.stepId}: ${entry.error}`, scene);
    case 'member.replaced':
      return ofOperation(
        entry.kind,
        entry.operationId,
        `Member ${entry.retired} goes elsewhere, as ${entry.member.ordinal} in ${entry.member.region}/${entry.member.zone}.`,
        scene,
      );
    case 'member.observed': {
      const message = `Member ${entry.ordinal}${entry.detail === undefined ? '' : `: ${entry.detail}`}`;
      return ofCluster(entry.isUp ? 'member.up' : 'member.down', entry.clusterId, message, scene);
    }
    case 'cluster.failover':
      return ofOperation(entry.kind, entry.operationId, failoverMessage(entry, scene.cluster(entry.clusterId)), scene);
    case 'members.seen':
      return ofCluster(entry.kind, entry.clusterId, awayText(entry), scene);
    case 'member.diverged':
      return ofOperation(entry.kind, entry.operationId, `Member ${entry.ordinal}: ${entry.reason}`, scene);
    case 'cluster.degraded': {
      const whom = `member ${entry.without.join(', ')}`;
      return ofCluster(entry.kind, entry.clusterId, `${entry.reason} Commits go on without ${whom}.`, scene);
    }
    case 'member.rejoined':
      return ofOperation(entry.kind, entry.operationId, rejoinMessage(entry), scene);
    case 'cluster.noted':
      return ofCluster(entry.event, entry.clusterId, entry.message, scene);
    case 'drill.created':
    case 'drill.advanced':
    case 'drill.aborted':
    case 'drill.passed_over':
      return drillEvent(entry, scene);
    case 'projects.linked':
      return { kind: entry.kind, message: `One tenant: ${linkedText(entry)}.` };
    case 'projects.unlinked':
      return { kind: entry.kind, message: `Link ${entry.linkId} is no more.` };
    case 'federation.recovered':
      return { kind: 'federation.recovered', message: 'One peer was made the whole; every cluster elects anew.' };
    case 'region.added':
    case 'region.removed':
    case 'region.drained':
    case 'region.observed':
      return ofRegion(entry, before);
  }
}

type RegionEntry = Extract<Entry, { readonly kind: `region.${string}` }>;

function ofRegion(entry: RegionEntry, before: Region | undefined): NewEvent | undefined {
  switch (entry.kind) {
    case 'region.added':
      return { kind: entry.kind, message: `${entry.region.name}, at ${entry.region.executors.join(', ')}` };
    case 'region.removed':
      return { kind: entry.kind, message: entry.name };
    case 'region.drained':
      return { kind: entry.isDrained ? 'region.drained' : 'region.undrained', message: entry.name };
    case 'region.observed': {
      const { name, status, detail } = entry.region;
      if (before?.status === status) return undefined;
      const message = detail === undefined ? name : `${name}: ${detail}`;
      return { kind: status === 'UP' ? 'region.up' : 'region.unreachable', message };
    }
  }
}

type DrillEntry = EntryOf<'drill.created' | 'drill.advanced' | 'drill.aborted' | 'drill.passed_over'>;

function drillEvent(entry: DrillEntry, scene: Scene): NewEvent | undefined {
  switch (entry.kind) {
    case 'drill.created': {
      const { kind } = entry.drill.spec;
      const what = entry.drill.status === 'SCHEDULED' ? 'drill.scheduled' : 'drill.started';
      return ofDrill(what, entry.drill.id, kind, scene);
    }
    case 'drill.advanced': {
      const message = entry.moments.map(({ message: each }) => each).join(' ');
      const isEnd = entry.change.status !== undefined;
      return message === '' ? undefined : ofDrill(isEnd ? 'drill.ended' : 'drill.moved', entry.drillId, message, scene);
    }
    case 'drill.aborted':
    case 'drill.passed_over':
      return ofDrill(entry.kind, entry.drillId, entry.reason, scene);
  }
}

function awayText({ away }: EntryOf<'members.seen'>): string {
  return away.length === 0 ? 'Every member answers.' : `Away: member ${away.join(', ')}.`;
}

function linkedText({ link }: EntryOf<'projects.linked'>): string {
  return link.projects.map(({ keystone, projectId }) => `${projectId} of ${keystone}`).join(', ');
}

function ofOperation(kind: string, operationId: string, message: string, scene: Scene): NewEvent | undefined {
  const operation = scene.operation(operationId);
  if (operation === undefined) return undefined;
  return { kind, projectId: operation.projectId, clusterId: operation.clusterId, operationId, message };
}

function ofDrill(kind: string, drillId: string, message: string, scene: Scene): NewEvent | undefined {
  const drill = scene.drill(drillId);
  if (drill === undefined) return undefined;
  const { projectId, clusterId } = drill.spec;
  return { kind, projectId, clusterId, message: `Drill ${drillId}: ${message}` };
}

function ofCluster(kind: string, clusterId: string, message: string, scene: Scene): NewEvent {
  const projectId = scene.cluster(clusterId)?.projectId;
  return { kind, ...(projectId === undefined ? {} : { projectId }), clusterId, message };
}

function rejoinMessage({ fact: { ordinal, method, tail }, reason }: EntryOf<'member.rejoined'>): string {
  const how = {
    unchanged: 'goes on with the log that it has',
    rewound: 'was rewound',
    copied: 'copied the primary anew',
  }[method];
  const why = reason === undefined ? '' : `: ${reason}`;
  return `Member ${ordinal} ${how}${why}${why.endsWith('.') ? '' : '.'}${tail === undefined ? '' : ` ${tailText(tail)}`}`;
}

/** What is told of a tail, in a sentence. */
export function tailText({ bytes, transactions, seconds, folder }: Omit<Tail, 'epoch' | 'mayBeAcknowledged'>): string {
  const count = transactions === undefined ? 'an unknown number of transactions' : `${transactions} transactions`;
  const where = folder === undefined ? 'not kept, for there was no room' : `kept in ${folder} on its volume`;
  const span = seconds === undefined ? '' : `, committed within ${seconds.toFixed(1)} s,`;
  return `What its log held too much, ${count} in ${bytes} bytes${span === '' ? ',' : span} is ${where}.`;
}

function failoverMessage(
  { deposed, acceptsDataLoss, reason, away }: EntryOf<'cluster.failover'>,
  cluster: Cluster | undefined,
): string {
  const whom = deposed === null ? 'The election goes on without who is away.' : `Member ${deposed} is primary no more.`;
  const loss = acceptsDataLoss ? ` Losing what only member ${away.join(', ') || 'none'} may hold was accepted.` : '';
  return `${whom} ${reason}${loss}${acceptsDataLoss ? '' : boundText(cluster, deposed)}`;
}

/** What is lost at most until the old primary is back and it is counted. */
function boundText(cluster: Cluster | undefined, deposed: number | null): string {
  if (cluster === undefined || deposed === null || !isAsync(cluster)) return '';
  const { rpo_seconds: seconds } = cluster.spec.durability;
  return ` Acknowledged writes of the last ${seconds} s may be lost: how many is told when member ${deposed} is back.`;
}
