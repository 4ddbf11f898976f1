// /v2/drills: disasters that are rehearsed, and their reports.
import { Cron } from 'croner';
import { z } from 'zod';
import { type Drill, isWide } from '../state/drills.ts';
import type { Applied, EntryBody } from '../state/entries.ts';
import type { Federation } from '../state/federation.ts';
import { type Caller, isAdmin } from './callers.ts';
import { idempotencyOf } from './changes.ts';
import { findCluster } from './clusters.ts';
import { drillPage, HTML_TYPE, PAGE_POLICY } from './drill-page.ts';
import { drillSchema, viewDrill } from './drill-view.ts';
import { ApiError, invalidField } from './errors.ts';
import { drillOf, newDrill, specOf } from './new-drill.ts';
import { emptyBody, readObject } from './objects.ts';
import { linksSchema, PAGE_QUERY, readPage } from './pages.ts';
import type { Route, RouteRequest, RouteResponse } from './route.ts';

const PATH = '/v2/drills';

export interface DrillsOptions {
  readonly federation: Federation;
  readonly propose: (entry: EntryBody) => Promise<Applied>;
  /** Whether somebody can kill the processes of a region. */
  readonly canKill: boolean;
  /** Whether somebody can cut links. */
  readonly canCut: boolean;
  /** Who may rehearse what others feel as well. */
  readonly wideDrills: 'admin' | 'member';
  readonly newId: () => string;
  readonly now: () => Date;
}

const answer = z.strictObject({ drill: drillSchema });

export function drillRoutes(options: DrillsOptions): Route[] {
  const { federation } = options;
  const view = (drill: Drill) => viewDrill(drill, federation.cluster(drill.spec.clusterId));
  return [
    {
      ...{ name: 'drills.run', method: 'POST', path: PATH, role: 'member', query: {}, headers: ['idempotency-key'] },
      summary: 'Rehearses a disaster, and measures it; with `schedule`, again and again',
      body: newDrill,
      answers: { 202: answer },
      errors: [
        ...(['cluster.not_found', 'cluster.busy', 'region.not_found', 'state.stale', 'access.denied'] as const),
        ...(['drill.impossible', 'drill.busy', 'drill.needs_network_namespaces', 'idempotency.key_reused'] as const),
      ],
      handle: (request) => run(request, options),
    },
    {
      ...{ name: 'drills.list', method: 'GET', path: PATH, role: 'reader', query: PAGE_QUERY },
      summary: 'Drills, the newest first',
      answers: { 200: z.strictObject({ drills: z.array(drillSchema), links: linksSchema }) },
      errors: [],
      handle: ({ caller, query }) => {
        const mine = federation.drills().filter((drill) => isVisible(caller, drill));
        const { page, links } = readPage(mine.reverse(), query, PATH);
        return { status: 200, body: { drills: page.map(view), links } };
      },
    },
    {
      ...{ name: 'drills.show', method: 'GET', path: `${PATH}/:id`, role: 'reader', query: {} },
      summary: 'One drill with its report; as a page, where `Accept` says text/html',
      answers: { 200: answer },
      errors: ['drill.not_found'],
      handle: (request) => {
        const drill = view(findDrill(request, federation));
        if (request.accept !== 'text/html') return { status: 200, body: { drill } };
        const headers = { 'content-type': HTML_TYPE, 'content-security-policy': PAGE_POLICY };
        return { status: 200, headers, content: drillPage(drill) };
      },
    },
    {
      ...{ name: 'drills.abort', method: 'POST', path: `${PATH}/:id/abort`, role: 'member', query: {} },
      summary: 'Breaks a drill off and heals what it did; ends a schedule',
      body: emptyBody,
      answers: { 202: answer },
      errors: ['drill.not_found', 'drill.ended'],
      handle: async (request) => {
        readObject(request.body ?? {}, emptyBody);
        const { id } = findDrill(request, federation);
        const reason = `Broken off by ${request.caller.userName}.`;
        const { refused } = await options.propose({ kind: 'drill.aborted', drillId: id, reason });
        if (refused !== undefined) throw refusal(refused);
        return accepted(view(findDrill(request, federation)));
      },
    },
  ];
}

async function run(request: RouteRequest, options: DrillsOptions): Promise<RouteResponse> {
  const { federation, newId, now, propose } = options;
  const { drill: wish } = readObject(request.body, newDrill);
  const idempotency = idempotencyOf(request);
  const earlier = () => federation.drills().find((drill) => isRepeat(drill, idempotency));
  const known = earlier();
  if (known !== undefined) return repeated(known, idempotency, federation);

  const cluster = findCluster(request, wish.cluster, federation);
  const spec = specOf(wish, cluster, federation);
  demandMeans(spec, request.caller, options);
  const schedule =
    wish.schedule === undefined ? undefined : { cron: wish.schedule, nextAt: next(wish.schedule, now()) };
  const drill = drillOf(spec, cluster, federation, {
    ...{ id: newId(), requestId: request.requestId },
    ...(idempotency === undefined ? {} : { idempotency }),
    ...(schedule === undefined ? {} : { schedule }),
  });
  const { refused } = await propose({ kind: 'drill.created', drill });
  const first = refused?.code === 'idempotency.repeated' ? earlier() : undefined;
  if (first !== undefined) return repeated(first, idempotency, federation);
  if (refused !== undefined) throw refusal(refused);
  return accepted(viewDrill(federation.drill(drill.id) ?? drill, cluster));
}

/** @throws ApiError access.denied, drill.impossible, drill.needs_network_namespaces */
function demandMeans(spec: Drill['spec'], caller: Caller, options: DrillsOptions): void {
  const { canKill, canCut, wideDrills } = options;
  if (!isWide(spec)) return;
  if (wideDrills === 'admin' && !isAdmin(caller)) {
    throw new ApiError('access.denied', 'Others feel this disaster too: only an admin may rehearse it.');
  }
  if (spec.scope === 'cut' && !canCut) {
    throw new ApiError(
      'drill.needs_network_namespaces',
      'Links can be cut only between network namespaces: on one machine, `npm start -- --netns` as root.',
    );
  }
  if (!canKill) {
    throw new ApiError('drill.impossible', 'This gateway was not told who could end the processes of a region.');
  }
}

/** The run of a schedule that is due, or why it is left out. */
export function scheduledRun(
  { id, spec, schedule }: Drill,
  { federation, newId, now }: Pick<DrillsOptions, 'federation' | 'newId' | 'now'>,
): EntryBody {
  const nextAt = next(schedule?.cron ?? '', now());
  const cluster = federation.cluster(spec.clusterId);
  if (cluster === undefined || cluster.wanted === 'absent') {
    return { kind: 'drill.aborted', drillId: id, reason: 'The cluster is gone.' };
  }
  try {
    const drill = drillOf(spec, cluster, federation, { id: newId(), requestId: `req-${newId()}`, scheduledBy: id });
    return { kind: 'drill.created', drill, scheduleNextAt: nextAt };
  } catch (error) {
    return { kind: 'drill.passed_over', drillId: id, nextAt, reason: (error as Error).message };
  }
}

/** When the schedule is due next. @throws ApiError request.invalid */
export function next(cron: string, after: Date): string {
  let due: Date | null;
  try {
    due = new Cron(cron, { timezone: 'UTC' }).nextRun(after);
  } catch {
    throw invalidField('drill.schedule', 'must be a cron expression, such as "0 3 * * 6"');
  }
  if (due === null) throw invalidField('drill.schedule', 'is never due');
  return due.toISOString();
}

function isRepeat(drill: Drill, idempotency: Drill['idempotency']): boolean {
  if (idempotency === undefined || drill.idempotency === undefined) return false;
  return drill.idempotency.projectId === idempotency.projectId && drill.idempotency.key === idempotency.key;
}

function repeated(drill: Drill, idempotency: Drill['idempotency'], federation: Federation): RouteResponse {
  if (drill.idempotency?.fingerprint !== idempotency?.fingerprint) {
    throw new ApiError(
      'idempotency.key_reused',
      `The Idempotency-Key "${idempotency?.key}" was used for another request.`,
    );
  }
  return accepted(viewDrill(drill, federation.cluster(drill.spec.clusterId)));
}

function accepted(drill: z.infer<typeof drillSchema>): RouteResponse {
  return { status: 202, headers: { location: `${PATH}/${drill.id}` }, body: { drill } };
}

function refusal({ code, message }: NonNullable<Applied['refused']>): ApiError {
  return new ApiError(code === 'idempotency.repeated' ? 'state.stale' : code, message);
}

function isVisible(caller: Caller, { spec }: Drill): boolean {
  return isAdmin(caller) || spec.projectId === caller.projectId;
}

function findDrill({ caller, parameters }: RouteRequest, federation: Federation): Drill {
  const drill = federation.drill(parameters.id ?? '');
  if (drill === undefined || !isVisible(caller, drill)) {
    throw new ApiError('drill.not_found', `There is no drill "${parameters.id}" in this project.`);
  }
  return drill;
}
