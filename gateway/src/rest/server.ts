// The HTTP shell around the routes: what HTTP carries is handed over, and what is answered is put into HTTP's words.
// What is done with a request is the same for gRPC (answering.ts).
import { Router } from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import { type AnsweringOptions, answerRequest, explainError, requestIdOf } from './answering.ts';
import { readBody } from './bodies.ts';
import type { Caller } from './callers.ts';
import { ApiError, errorBody, problemOf } from './errors.ts';
import { eventStream } from './event-feed.ts';
import type { RequestMeasure } from './metrics.ts';
import { type OpenPage, patternOf, type Route, type RouteResponse } from './route.ts';
import { isMicroversionKnown, MICROVERSION } from './versions.ts';

/** The media types of answers; errors have one more (errors.ts). */
const MEDIA_TYPES = ['application/json', 'text/event-stream', 'text/html'];
/** What is told of a client that goes away in the middle, which is no fault of ours. */
const GONE = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'];

export interface ServerOptions extends AnsweringOptions {
  readonly routes: readonly Route[];
  readonly pages: readonly OpenPage[];
  readonly monotonicMs: () => number;
  readonly measure: (request: RequestMeasure) => void;
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
  const requestId = requestIdOf(context.get('x-openstack-request-id'), options);
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
    const known = explainError(error, requestId, options);
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

function serve(context: Context, route: Route, options: ServerOptions): Promise<RouteResponse> {
  const state = stateOf(context);
  const asked = {
    requestId: state.requestId,
    token: context.get('x-auth-token'),
    parameters: (context as Context & { params: Record<string, string> }).params,
    query: context.query,
    header: (name: string) => context.get(name),
    body: () => readBody(context.req),
    // To look at the headers of a stream nobody need begin one.
    accept: (context.method !== 'HEAD' && context.accepts(...MEDIA_TYPES)) || 'application/json',
    onCaller: (caller: Caller) => {
      state.caller = caller;
    },
  };
  return answerRequest(route, asked, options);
}

function answer(context: Context, { status, headers, body, feed, content }: RouteResponse): void {
  const problem = status >= 400 ? problemOf(context.get('accept'), body) : undefined;
  context.status = status;
  context.type = problem?.mediaType ?? 'application/json';
  for (const [name, value] of Object.entries(headers ?? {})) context.set(name, value);
  // A stream may be silent for long; Koa destroys it when the client goes away.
  if (feed !== undefined) context.req.socket.setTimeout(0);
  context.body = (feed && eventStream(feed)) ?? content ?? JSON.stringify(problem?.body ?? body ?? {});
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
