// The routes over a world that commits at once, behind the real HTTP server, and ways to call them. Every answer that
// passes here is read by the schema that the API document shows for it.
import type { AddressInfo } from 'node:net';
import { datastores } from '@argosy/datastores';
import { type Orphan, systemClock } from '@argosy/proto';
import type { ExecutionContext } from 'ava';
import { World } from '../conductor/world-for-tests.ts';
import type { AnsweringOptions } from './answering.ts';
import { auditRoute } from './audit.ts';
import type { Caller } from './callers.ts';
import { type ClustersOptions, clusterRoutes } from './clusters.ts';
import { CONNECTION_LIMITS, type ConnectionLimits, createConnections } from './connections.ts';
import { databaseRoutes } from './databases.ts';
import { datastoreRoutes } from './datastores.ts';
import { drillRoutes } from './drills.ts';
import { ApiError } from './errors.ts';
import { Events, type EventsOptions } from './events.ts';
import { Metrics, type RequestMeasure } from './metrics.ts';
import { openPages } from './open-pages.ts';
import { answerSchema, pageSchema } from './openapi.ts';
import { operationRoutes } from './operations.ts';
import { projectLinkRoutes } from './project-links.ts';
import { Quotas, type Usage } from './quotas.ts';
import { RateLimit } from './rate-limit.ts';
import { referencePages } from './reference-page.ts';
import { regionRoutes } from './regions.ts';
import { type OpenPage, patternOf, type Route } from './route.ts';
import { createServer } from './server.ts';
import { userRoutes } from './users.ts';

const CALLERS: Readonly<Record<string, Caller>> = {
  admin: caller('admin', ['admin', 'member', 'reader'], 'root'),
  demo: caller('demo', ['member', 'reader'], 'p'),
  viewer: caller('viewer', ['reader'], 'p'),
  stranger: caller('stranger', ['member', 'reader'], 'other'),
  nobody: caller('nobody', [], 'p'),
};

/** Of each server, so that what it logged is not taken for what it keeps. */
const KEPT_LOG_LINES = 200;

export const orders = { cluster: { name: 'orders', datastore: { type: 'postgresql' } } };

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into JSON of many shapes.
  readonly body: any;
}

export interface Served {
  readonly world: World;
  readonly origin: string;
  readonly port: number;
  readonly routes: readonly Route[];
  readonly pages: readonly OpenPage[];
  readonly logged: { readonly message: string; readonly [field: string]: unknown }[];
  readonly call: (token: string | undefined, method: string, path: string, body?: unknown) => Promise<Answer>;
  /** With headers, of which the token may be one. */
  readonly send: (method: string, path: string, headers: Record<string, string>, body?: string) => Promise<Answer>;
  /** What another face needs to answer as this one does. */
  readonly answering: AnsweringOptions & Pick<Served, 'routes'>;
  readonly events: Events;
  readonly metrics: Metrics;
}

export interface ServeOptions {
  readonly limits?: Partial<ConnectionLimits>;
  readonly quotas?: Partial<Usage>;
  readonly burst?: number;
  /** What an audit of any region finds. */
  readonly orphans?: readonly Orphan[];
  readonly events?: EventsOptions;
}

export async function serve(t: Pick<ExecutionContext, 'teardown'>, options: ServeOptions = {}): Promise<Served> {
  const world = new World();
  const logged: Served['logged'] = [];
  const events = new Events(world.federation, systemClock, options.events);
  t.teardown(() => events.close());
  const metrics = new Metrics({
    federation: world.federation,
    watchers: () => events.watchers(),
    raft: () => [
      {
        ...{ name: 'raft_peer_match_index', help: 'The last entry of a peer.', type: 'gauge' },
        samples: [{ suffix: '', labels: { peer: '2' }, value: 5 }],
      },
    ],
  });
  const routes = routesOf(world, events, options);
  const own = [...openPages(() => ({ isReady: true, reason: '' })), metrics.page()];
  const pages = [...own, ...referencePages(routes, own)];
  const burst = options.burst ?? 1_000_000;
  const rateLimit = new RateLimit({ requestsPerSecond: 1, burst, monotonicMs: () => 0 });
  const answering: AnsweringOptions & Pick<Served, 'routes'> = {
    ...{ routes, callers: { identify }, admit: (projectId) => rateLimit.take(projectId) },
    catchUp: async () => undefined,
    write: async (route, request) => route.handle(request),
    newRequestId: () => 'req-generated',
    log: (event) => {
      logged.push(event);
      if (logged.length > KEPT_LOG_LINES) logged.shift();
    },
  };
  const measure = (request: RequestMeasure): void => metrics.requestEnded(request);
  const app = createServer({ ...answering, pages, monotonicMs: () => 0, measure });
  const server = createConnections(app.callback(), () => 'req-generated', { ...CONNECTION_LIMITS, ...options.limits });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const send: Served['send'] = async (method, path, headers, body) => {
    const response = await fetch(`${origin}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
    return readAnswer(response, method, path, { routes, pages });
  };
  const call: Served['call'] = (token, method, path, body) =>
    send(
      method,
      path,
      token === undefined ? {} : { 'x-auth-token': token },
      body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    );
  return { world, origin, port, routes, pages, logged, call, send, answering, events, metrics };
}

/** A cluster that was made: the world's conductor runs until the operation has ended. */
export async function made(t: ExecutionContext): Promise<Served> {
  const served = await serve(t);
  const { world, call } = served;
  world.elect();
  const { body } = await call('demo', 'POST', '/v2/clusters', orders);
  await world.until(() => world.federation.operation(body.operation.id)?.status === 'DONE');
  return served;
}

function routesOf(world: World, events: Events, options: ServeOptions): Route[] {
  const { quotas: limits } = options;
  const { federation } = world;
  let ids = 0;
  const quotas = new Quotas({
    federation,
    limits: { clusters: 100, members: 300, volumeGib: 10_000, ...limits },
    projects: {},
  });
  const changes: ClustersOptions = {
    ...{ federation, datastores, quotas },
    propose: async (entry) => {
      const applied = world.commit(entry);
      events.applied();
      return applied;
    },
    sites: () => world.sites,
    witnesses: (cluster) => world.witnesses(cluster),
    hear: async () => new Map(),
    newId: () => {
      ids += 1;
      return `id-${ids}`;
    },
    randomBytes: (count) => Buffer.alloc(count, 7),
  };
  return [
    ...clusterRoutes(changes),
    ...userRoutes(changes),
    ...databaseRoutes(changes),
    ...operationRoutes({ federation, propose: async (entry) => world.commit(entry) }),
    ...regionRoutes({ federation, propose: async (entry) => world.commit(entry), ways: async () => [] }),
    auditRoute({ federation, audit: async () => options.orphans, catchUp: async () => undefined }),
    ...drillRoutes({
      ...{ federation, canKill: true, canCut: false, wideDrills: 'admin', now: () => new Date('2026-01-02T03:04:05Z') },
      propose: async (entry) => world.commit(entry),
      newId: () => `drill-${federation.drills().length + 1}`,
    }),
    ...projectLinkRoutes({
      ...{ federation, keystones: () => ['north', 'south', 'west'] },
      propose: async (entry) => world.commit(entry),
      newId: () => `link-${federation.projectLinks().length + 1}`,
    }),
    ...datastoreRoutes(datastores),
    ...events.routes(),
    ...quotas.routes(),
  ];
}

function caller(userName: string, roles: string[], projectId: string): Caller {
  return { userId: userName, userName, projectId, projectName: projectId, roles };
}

async function identify(token: string | undefined): Promise<Caller> {
  if (token === undefined || token === '') throw new ApiError('token.missing', 'The request has no token.');
  const known = Object.hasOwn(CALLERS, token) ? CALLERS[token] : undefined;
  if (known === undefined) throw new ApiError('token.invalid', 'Unknown token.');
  return known;
}

async function readAnswer(
  response: Response,
  method: string,
  path: string,
  api: { readonly routes: readonly Route[]; readonly pages: readonly OpenPage[] },
): Promise<Answer> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const body = type.includes('json') && text !== '' ? JSON.parse(text) : text;
  if (method !== 'HEAD' && type.startsWith('application/json')) {
    const fault = undocumented(method, path, response.status, body, api);
    if (fault !== undefined) throw new Error(`${method} ${path} answered ${response.status}: ${fault}\n${text}`);
  }
  return { status: response.status, headers: response.headers, body };
}

/** What of an answer the API document does not tell; undefined when it tells all of it. */
export function undocumented(
  method: string,
  path: string,
  status: number,
  body: unknown,
  { routes, pages }: { readonly routes: readonly Route[]; readonly pages: readonly OpenPage[] },
): string | undefined {
  const [pathname = ''] = path.split('?');
  const page = pages.find((each) => method === 'GET' && patternOf(each.path).test(pathname));
  const route = routes.find((each) => each.method === method && patternOf(each.path).test(pathname));
  if (page === undefined && route === undefined) return undefined;
  const schema = page === undefined ? route && answerSchema(route, status) : pageSchema(page, status);
  if (schema === undefined) return 'the status is not documented';
  const parsed = schema.safeParse(body);
  return parsed.success ? undefined : JSON.stringify(parsed.error.issues);
}
