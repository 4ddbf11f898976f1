// What every change of a cluster has in common: it is planned before it is made. `dry_run` shows the plan and changes
// nothing; `plan_hash` makes only the plan that was shown; an `Idempotency-Key` makes a repeat find what the first made;
// `If-Match` makes it only from the revision that was looked at.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { plan, type StepInPlan } from '../planning/cluster.ts';
import { type Cluster, memberId, memberOf, wantedMembers } from '../state/clusters.ts';
import type { Applied, EntryBody } from '../state/entries.ts';
import { Federation } from '../state/federation.ts';
import type { Idempotency } from '../state/idempotency.ts';
import { clusterSchema, type ViewContext, viewCluster } from './cluster-view.ts';
import { ApiError, errorBody, errorSchema, invalidField } from './errors.ts';
import { operationSchema, viewOperation } from './operation-view.ts';
import type { Quotas } from './quotas.ts';
import type { RouteRequest, RouteResponse } from './route.ts';

/** The query parameters of every change. */
export const CHANGE_QUERY = {
  dry_run: z.enum(['true', 'false']).meta({ description: '`true` shows the plan and changes nothing.' }),
  plan_hash: z.string().min(1).max(64).meta({ description: 'Makes only the plan that has this hash.' }),
} as const;

/** Those of every change. */
export const CHANGE_ERRORS = [
  ...(['cluster.not_found', 'cluster.busy', 'state.stale', 'plan.changed', 'quota.exceeded'] as const),
  ...(['idempotency.key_reused', 'precondition.failed'] as const),
] as const;

const planSchema = z
  .strictObject({
    plan_hash: z.string(),
    steps: z.array(
      z.strictObject({
        kind: z.string(),
        member: z.string(),
        region: z.string(),
        zone: z.string().nullable(),
        round: z.int().meta({ description: 'Steps of one round can run side by side.' }),
        blocked: z.string().optional(),
      }),
    ),
    placement: z.strictObject({
      members: z.array(
        z.strictObject({
          member: z.string(),
          kind: z.enum(['voter', 'replica', 'arbiter']),
          region: z.string(),
          zone: z.string(),
        }),
      ),
      reasons: z.array(z.string()),
    }),
  })
  .meta({ id: 'Plan' });

/** The answers of every change. */
export const CHANGE_ANSWERS = {
  200: z.strictObject({ plan: planSchema }).meta({ description: 'For `dry_run`.' }),
  202: z.strictObject({
    cluster: clusterSchema.optional(),
    operation: operationSchema.optional(),
    credentials: z
      .strictObject({ username: z.string(), password: z.string(), database: z.string().optional() })
      .optional()
      .meta({ description: 'Told this once.' }),
  }),
  409: errorSchema(['plan.changed']).extend({ plan: planSchema }),
} as const;
const MAX_IDEMPOTENCY_KEY = 255;

type StartEntry = Extract<
  EntryBody,
  { kind: 'cluster.created' | 'cluster.changed' | 'cluster.unwanted' | 'cluster.failover' | 'accounts.changed' }
>;

export interface Change {
  /** Without its steps. */
  readonly entry: StartEntry;
  /** Why the members are where they are, in sentences. */
  readonly reasons: readonly string[];
  /** Told once, with the answer; never kept. */
  readonly credentials?: { readonly username: string; readonly password: string; readonly database?: string };
}

export interface ChangesOptions extends Pick<ViewContext, 'federation' | 'datastores' | 'hear'> {
  readonly propose: (entry: EntryBody) => Promise<Applied>;
  readonly quotas: Pick<Quotas, 'reserve'>;
}

/** Shows or makes the change that `prepare` has worked out. @throws ApiError also for what applying it refuses */
export async function makeChange(
  request: RouteRequest,
  options: ChangesOptions,
  prepare: () => Change | Promise<Change>,
): Promise<RouteResponse> {
  const isDryRun = request.query.dry_run === 'true';
  const idempotency = idempotencyOf(request);
  const earlier = idempotency === undefined ? undefined : findEarlier(idempotency, options.federation);
  if (earlier !== undefined && !isDryRun) return accepted(earlier, options);

  const change = await prepare();
  const after = imagine(change.entry, options.federation);
  const steps = plan(after);
  const planned = viewPlan(after, steps, change.reasons);
  const release = options.quotas.reserve(after);
  try {
    if (isDryRun) return { status: 200, body: { plan: planned } };
    const { plan_hash: wished } = request.query;
    if (wished !== undefined && wished !== planned.plan_hash) return planChanged(request, planned);
    return await commit(change, steps, idempotency, options);
  } finally {
    release();
  }
}

async function commit(
  { entry, credentials }: Change,
  planned: readonly StepInPlan[],
  idempotency: Idempotency | undefined,
  options: ChangesOptions,
): Promise<RouteResponse> {
  const steps = planned.map(({ id, kind, ordinal, region }) => ({ id, kind, ordinal, region }));
  const { refused } = await options.propose({
    ...entry,
    steps,
    ...(idempotency === undefined ? {} : { idempotency }),
  });
  if (refused?.code === 'idempotency.repeated' && idempotency !== undefined) {
    // The same request came twice at once, and the other was first.
    const first = findEarlier(idempotency, options.federation);
    if (first !== undefined) return accepted(first, options);
  }
  if (refused !== undefined)
    throw new ApiError(refused.code === 'idempotency.repeated' ? 'state.stale' : refused.code, refused.message);
  const answer = await accepted({ clusterId: entry.clusterId, id: entry.operationId }, options);
  return credentials === undefined ? answer : { ...answer, body: { ...(answer.body as object), credentials } };
}

/** The cluster as it would be wished after the entry. @throws ApiError with what applying it would refuse */
function imagine(entry: StartEntry, federation: Federation): Cluster {
  const current = federation.cluster(entry.clusterId);
  const operation = current && federation.operation(current.operationId);
  const imagined = Federation.of({
    clusters: current === undefined ? [] : [current],
    operations: operation === undefined ? [] : [operation],
  });
  const { refused } = imagined.apply({ at: '', ...entry });
  if (refused !== undefined && refused.code !== 'idempotency.repeated')
    throw new ApiError(refused.code, refused.message);
  const after = imagined.cluster(entry.clusterId);
  if (after === undefined) throw new ApiError('cluster.not_found', 'The cluster is gone.');
  return after;
}

type PlanView = z.infer<typeof planSchema>;

/** The hash covers the revision, the placement and the order of what is done to whom; not ids, times or positions. */
function viewPlan(after: Cluster, steps: readonly StepInPlan[], reasons: readonly string[]): PlanView {
  const members = wantedMembers(after).map(({ ordinal, kind, region, zone }) => ({ ordinal, kind, region, zone }));
  const covered = JSON.stringify([after.revision, members, steps.map(({ kind, ordinal }) => [kind, ordinal])]);
  return {
    plan_hash: createHash('sha256').update(covered).digest('hex').slice(0, 32),
    steps: steps.map(({ kind, ordinal, region, round, blocked }) => ({
      kind,
      member: `${after.name}-${ordinal}`,
      region,
      zone: memberOf(after, ordinal)?.zone ?? null,
      round,
      ...(blocked === undefined ? {} : { blocked }),
    })),
    placement: {
      members: members.map(({ ordinal, ...member }) => ({ member: `${after.name}-${ordinal}`, ...member })),
      reasons: [...reasons],
    },
  };
}

function planChanged({ requestId }: RouteRequest, planned: PlanView): RouteResponse {
  const error = new ApiError('plan.changed', 'The world has moved: the plan is another one now. Nothing was changed.');
  return { status: error.status, body: { ...errorBody(error, requestId), plan: planned } };
}

/** What made a repeat of this request before, if anything did. @throws ApiError idempotency.key_reused */
function findEarlier({ projectId, key, fingerprint }: Idempotency, federation: Federation) {
  const operation = federation.operationOf(projectId, key);
  if (operation !== undefined && operation.idempotency?.fingerprint !== fingerprint) {
    throw new ApiError('idempotency.key_reused', `The Idempotency-Key "${key}" was used for another request.`);
  }
  return operation;
}

async function accepted(
  { clusterId, id }: { readonly clusterId: string; readonly id: string },
  options: ChangesOptions,
): Promise<RouteResponse> {
  const cluster = options.federation.cluster(clusterId);
  const operation = options.federation.operation(id);
  return {
    status: 202,
    headers: { location: `/v2/operations/${id}` },
    body: {
      ...(cluster === undefined ? {} : { cluster: viewCluster(cluster, options, await options.hear([clusterId])) }),
      ...(operation === undefined ? {} : { operation: viewOperation(operation, options.federation) }),
    },
  };
}

/** @throws ApiError when the key is too long */
export function idempotencyOf({ headers, caller, route, parameters, body }: RouteRequest): Idempotency | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (key.length < 1 || key.length > MAX_IDEMPOTENCY_KEY) {
    throw invalidField('Idempotency-Key', `must have 1 to ${MAX_IDEMPOTENCY_KEY} characters`);
  }
  const request = JSON.stringify([caller.userId, route, parameters, body ?? null]);
  return { projectId: caller.projectId, key, fingerprint: createHash('sha256').update(request).digest('hex') };
}

/** Asked before anything else of a change (RFC 9110, 13.2.1). @throws ApiError precondition.failed */
export function demandRevision({ headers }: RouteRequest, cluster: Cluster): void {
  const asked = headers['if-match'];
  if (asked === undefined || asked === '*') return;
  const tags = asked.split(',').map((tag) => tag.trim());
  if (tags.includes(entityTag(cluster))) return;
  throw new ApiError(
    'precondition.failed',
    `The cluster is at ${entityTag(cluster)}, not at ${asked}. Look at it again.`,
  );
}

/** Names a state of what is wanted; a position or a lag does not change it (RFC 9110, 8.8.3). */
export function entityTag({ revision }: Cluster): string {
  return `"${revision}"`;
}

/** The name of a member that people know, such as `orders-2`. */
export function memberNames(cluster: Cluster): ReadonlyMap<string, number> {
  return new Map(
    wantedMembers(cluster).flatMap(({ ordinal }) => [
      [`${cluster.name}-${ordinal}`, ordinal] as const,
      [memberId(cluster.id, ordinal), ordinal] as const,
    ]),
  );
}
