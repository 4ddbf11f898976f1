// The HTTP shell around the routes: request ids, authentication, bodies, errors and the log line. It decides nothing but
// where a request is answered: a write by the leader, a read here, after this peer has caught up with all that was
// committed when the read began.
import type { IncomingMessage } from 'node:http';
import { Router } from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import { type Callers, demandRole } from './callers.ts';
import { ApiError, errorBody } from './errors.ts';
import { isWrite, ROUTE_HEADERS, type Route, type RouteRequest, type RouteResponse } from './route.ts';
import { isMicroversionKnown, MICROVERSION, versionDocument, versionsDocument } from './versions.ts';

const MAX_BODY_BYTES = 256 * 1024;
const REQUEST_ID = /^req-[a-zA-Z0-9-]{1,64}$/;

export interface Readiness {
  readonly isReady: boolean;
  readonly reason: string;
}

export interface ServerOptions {
  readonly routes: readonly Route[];
  readonly callers: Pick<Callers, 'identify'>;
  /** Resolves when this peer has applied all that was committed before. @throws ApiError leader.unknown */
  readonly catchUp: () => Promise<void>;
  /** Executes a write, here or at the leader. */
  readonly write: (route: Route, request: RouteRequest) => Promise<RouteResponse>;
  readonly readiness: () => Readiness;
  readonly newRequestId: () => string;
  readonly monotonicMs: () => number;
  readonly log: (event: { readonly message: string; readonly [field: string]: unknown }) => void;
}

interface RequestState {
  requestId: string;
}

export function createServer(options: ServerOptions): Koa {
  const app = new Koa();
  const router = new Router();
  router.get('/', (context) => answer(context, { status: 200, body: versionsDocument(context.origin) }));
  router.get('/v2', (context) => answer(context, { status: 200, body: versionDocument(context.origin) }));
  router.get('/healthz', (context) => answer(context, { status: 200, body: { status: 'alive' } }));
  router.get('/readyz', (context) => answerReadiness(context, options.readiness()));
  for (const route of options.routes) {
    router.register(route.path, [route.method], async (context: Context) =>
      answer(context, await serve(context, route, options)),
    );
  }
  app.use((context, next) => frame(context, next, options));
  app.use(router.routes());
  app.use((context) => refuseUnknown(context, options.routes));
  // A client that goes away in the middle is no fault of ours.
  app.on('error', (error: NodeJS.ErrnoException) => {
    if (!['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(error.code ?? ''))
      options.log({ message: 'connection failed', error: String(error) });
  });
  return app;
}

/** Around every request: its id, its errors, its line in the log. */
async function frame(context: Context, next: Next, options: ServerOptions): Promise<void> {
  const begin = options.monotonicMs();
  const asked = context.get('x-openstack-request-id');
  const requestId = REQUEST_ID.test(asked) ? asked : options.newRequestId();
  (context.state as RequestState).requestId = requestId;
  context.set('x-openstack-request-id', requestId);
  context.set('openstack-api-version', `database ${MICROVERSION}`);
  context.set('vary', 'OpenStack-API-Version');
  try {
    if (!isMicroversionKnown(context.get('openstack-api-version'))) {
      throw new ApiError('version.unsupported', `There is only microversion ${MICROVERSION}.`);
    }
    await next();
  } catch (error) {
    const known = toApiError(error);
    if (known.code === 'internal.error')
      options.log({ message: 'request failed', request_id: requestId, error: stackOf(error) });
    answer(context, { status: known.status, headers: known.headers, body: errorBody(known, requestId) });
  }
  const { method, path, status } = context;
  options.log({
    message: 'request',
    request_id: requestId,
    method,
    path,
    status,
    ms: Math.round(options.monotonicMs() - begin),
  });
}

async function serve(context: Context, route: Route, options: ServerOptions): Promise<RouteResponse> {
  const caller = await options.callers.identify(context.get('x-auth-token'));
  demandRole(caller, route.role);
  const request: RouteRequest = {
    caller,
    requestId: (context.state as RequestState).requestId,
    parameters: (context as Context & { params: Record<string, string> }).params,
    query: readQuery(context, route),
    body: await readBody(context.req),
    accept: context.accepts('application/json', 'text/event-stream') || 'application/json',
    route: route.name,
    headers: readHeaders(context),
  };
  if (isWrite(route)) return options.write(route, request);
  if (context.query.consistency !== 'stale') await options.catchUp();
  return route.handle(request);
}

function readHeaders(context: Context): Record<string, string> {
  const given = ROUTE_HEADERS.map((name) => [name, context.get(name)] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== ''));
}

/** @throws ApiError request.unsupported, request.invalid */
function readQuery(context: Context, route: Route): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(context.query)) {
    if (name === 'consistency' && !isWrite(route)) {
      if (value === 'stale' || value === 'linearizable') continue;
      throw new ApiError('request.invalid', 'consistency: must be "linearizable" or "stale".');
    }
    // A parameter that is ignored could be one that should have kept a change from being made.
    if (!route.query.includes(name))
      throw new ApiError('request.unsupported', `This request takes no parameter "${name}".`);
    if (typeof value !== 'string') throw new ApiError('request.invalid', `${name}: must be given once.`);
    query[name] = value;
  }
  return query;
}

/** @throws ApiError request.too_large, request.not_json */
async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      throw new ApiError('request.too_large', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (error) {
    throw new ApiError('request.not_json', 'The body is not JSON.', { cause: error });
  }
}

function answer(context: Context, { status, headers, body, stream }: RouteResponse): void {
  context.status = status;
  for (const [name, value] of Object.entries(headers ?? {})) context.set(name, value);
  if (stream !== undefined) {
    // A stream may be silent for long; Koa destroys it when the client goes away.
    context.req.socket.setTimeout(0);
    context.body = stream;
    return;
  }
  context.type = 'application/json';
  context.body = JSON.stringify(body ?? {});
}

function answerReadiness(context: Context, { isReady, reason }: Readiness): void {
  answer(context, { status: isReady ? 200 : 503, body: { status: isReady ? 'ready' : 'not ready', reason } });
}

function refuseUnknown(context: Context, routes: readonly Route[]): never {
  const pattern = (path: string): RegExp => new RegExp(`^${path.replaceAll(/:[a-z]+/g, '[^/]+')}$`);
  const methods = routes.filter(({ path }) => pattern(path).test(context.path)).map(({ method }) => method);
  if (methods.length > 0) {
    context.set('allow', methods.join(', '));
    throw new ApiError('method.not_allowed', `${context.path} takes ${methods.join(', ')}, not ${context.method}.`);
  }
  throw new ApiError('route.not_found', `There is nothing at ${context.path}.`);
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError('internal.error', 'Argosy made a mistake. The log of this peer says more under the request id.', {
    cause: error,
  });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
