// The HTTP shell around the routes: request ids, authentication, limits, errors and the log line. It decides nothing but
// where a request is answered: a write by the leader, a read here, after this peer has caught up with all that was
// committed when the read began.
import { Router } from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import { readBody } from './bodies.ts';
import { type Caller, type Callers, demandRole } from './callers.ts';
import { ApiError, errorBody, problemOf } from './errors.ts';
import type { RequestMeasure } from './metrics.ts';
import { readHeaders, readQuery } from './reading.ts';
import { isWrite, type OpenPage, patternOf, type Route, type RouteRequest, type RouteResponse } from './route.ts';
import { isMicroversionKnown, MICROVERSION } from './versions.ts';

const REQUEST_ID = /^req-[a-zA-Z0-9-]{1,64}$/;
/** The media types of answers; errors have one more (errors.ts). */
const MEDIA_TYPES = ['application/json', 'text/event-stream'];
/** What is told of a client that goes away in the middle, which is no fault of ours. */
const GONE = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'];

export interface ServerOptions {
  readonly routes: readonly Route[];
  readonly pages: readonly OpenPage[];
  readonly callers: Pick<Callers, 'identify'>;
  /** Takes a request of the project's. @throws ApiError rate.limited */
  readonly admit: (projectId: string) => void;
  /** Resolves when this peer has applied all that was committed before. @throws ApiError leader.unknown */
  readonly catchUp: () => Promise<void>;
  /** Executes a write, here or at the leader. */
  readonly write: (route: Route, request: RouteRequest) => Promise<RouteResponse>;
  readonly newRequestId: () => string;
  readonly monotonicMs: () => number;
  readonly measure: (request: RequestMeasure) => void;
  readonly log: (event: { readonly message: string; readonly [field: string]: unknown }) => void;
}

interface RequestState {
  requestId: string;
  route?: string;
  caller?: Caller;
}

export function createServer(options: ServerOptions): Koa {
  const app = new Koa();
  const router = new Router();
  for (const page of options.pages) {
    router.register(page.path, ['GET'], async (context: Context) => {
      stateOf(context).route = page.path;
      const { headers, ...answered } = await page.handle(`${context.protocol}://${context.host}`);
      answer(context, { ...answered, headers: { 'content-type': page.mediaType, ...headers } });
    });
  }
  for (const route of options.routes) {
    router.register(route.path, [route.method], async (context: Context) => {
      stateOf(context).route = route.name;
      answer(context, await serve(context, route, options));
    });
  }
  app.use((context, next) => frame(context, next, options));
  app.use(router.routes());
  app.use((context) => answerOther(context, options));
  app.on('error', (error: NodeJS.ErrnoException, context?: Context) => {
    if (GONE.includes(error.code ?? '')) return;
    const requestId = context && stateOf(context).requestId;
    options.log({ message: 'connection failed', request_id: requestId, error: String(error) });
  });
  return app;
}

function stateOf(context: Context): RequestState {
  return context.state as RequestState;
}

/** Around every request: its id, its errors, its line in the log. */
async function frame(context: Context, next: Next, options: ServerOptions): Promise<void> {
  const begin = options.monotonicMs();
  const asked = context.get('x-openstack-request-id');
  const requestId = REQUEST_ID.test(asked) ? asked : options.newRequestId();
  stateOf(context).requestId = requestId;
  context.set('x-openstack-request-id', requestId);
  context.set('openstack-api-version', `database ${MICROVERSION}`);
  context.set('vary', 'OpenStack-API-Version, Accept');
  context.set('x-content-type-options', 'nosniff');
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
  const { route = 'none', caller } = stateOf(context);
  const ms = options.monotonicMs() - begin;
  options.measure({ route, method, status, seconds: ms / 1_000 });
  options.log({
    ...{ message: 'request', request_id: requestId, method, path, route, status, ms: Math.round(ms) },
    ...(caller === undefined ? {} : { project_id: caller.projectId, user_id: caller.userId }),
  });
}

async function serve(context: Context, route: Route, options: ServerOptions): Promise<RouteResponse> {
  const caller = await options.callers.identify(context.get('x-auth-token'));
  stateOf(context).caller = caller;
  options.admit(caller.projectId);
  demandRole(caller, route.role);
  const request: RouteRequest = {
    caller,
    requestId: stateOf(context).requestId,
    parameters: (context as Context & { params: Record<string, string> }).params,
    query: readQuery(context, route),
    body: await readBody(context.req),
    // To look at the headers of a stream nobody need begin one.
    accept: (context.method !== 'HEAD' && context.accepts(...MEDIA_TYPES)) || 'application/json',
    route: route.name,
    headers: readHeaders(context, route),
  };
  if (request.body !== undefined && route.body === undefined)
    throw new ApiError('request.unsupported', 'This request takes no body.');
  if (isWrite(route)) return options.write(route, request);
  const { consistency, ...query } = request.query;
  if (consistency !== 'stale') await options.catchUp();
  return route.handle({ ...request, query });
}

function answer(context: Context, { status, headers, body, stream, content }: RouteResponse): void {
  const problem = status >= 400 ? problemOf(context.get('accept'), body) : undefined;
  context.status = status;
  context.type = problem?.mediaType ?? 'application/json';
  for (const [name, value] of Object.entries(headers ?? {})) context.set(name, value);
  // A stream may be silent for long; Koa destroys it when the client goes away.
  if (stream !== undefined) context.req.socket.setTimeout(0);
  context.body = stream ?? content ?? JSON.stringify(problem?.body ?? body ?? {});
}

/** What no route takes: a question which methods there are, or something wrong. */
function answerOther(context: Context, { routes, pages }: ServerOptions): void {
  const methods = [
    ...pages.filter(({ path }) => patternOf(path).test(context.path)).map(() => 'GET'),
    ...routes.filter(({ path }) => patternOf(path).test(context.path)).map(({ method }) => method),
  ];
  if (methods.length === 0) throw new ApiError('route.not_found', `There is nothing at ${context.path}.`);

  const allowed = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  context.set('allow', allowed);
  if (context.method !== 'OPTIONS')
    throw new ApiError('method.not_allowed', `${context.path} takes ${allowed}, not ${context.method}.`);
  context.status = 204;
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
