// What is done with a request, whichever way it came, by HTTP or gRPC: who asks, how often, and whether they may; what
// it carries beside its body; and where it is answered: a write by the leader, a read here, after this peer has caught
// up with all that was committed when the read began.
import { type Caller, type Callers, demandRole } from './callers.ts';
import { ApiError } from './errors.ts';
import { type Carried, readHeaders, readQuery } from './reading.ts';
import { isWrite, type Route, type RouteRequest, type RouteResponse } from './route.ts';

const REQUEST_ID = /^req-[a-zA-Z0-9-]{1,64}$/;

export interface AnsweringOptions {
  readonly callers: Pick<Callers, 'identify'>;
  /** Takes a request of the project's. @throws ApiError rate.limited */
  readonly admit: (projectId: string) => void;
  /** Resolves when this peer has applied all that was committed before. @throws ApiError leader.unknown */
  readonly catchUp: () => Promise<void>;
  /** Executes a write, here or at the leader. */
  readonly write: (route: Route, request: RouteRequest) => Promise<RouteResponse>;
  readonly newRequestId: () => string;
  readonly log: (event: { readonly message: string; readonly [field: string]: unknown }) => void;
}

export interface Asked extends Carried {
  readonly requestId: string;
  readonly token: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined when there is none. Read only for a caller who may send it. @throws ApiError */
  readonly body: () => unknown;
  readonly accept: string;
  /** Told as soon as it is known, for the log. */
  readonly onCaller: (caller: Caller) => void;
  /** Aborted when nobody waits for the answer any more: what has not begun then is not begun. */
  readonly signal?: AbortSignal;
}

/** @throws ApiError, or what the signal was aborted with */
export async function answerRequest(route: Route, asked: Asked, options: AnsweringOptions): Promise<RouteResponse> {
  const caller = await options.callers.identify(asked.token);
  asked.onCaller(caller);
  options.admit(caller.projectId);
  demandRole(caller, route.role);
  const { requestId, parameters, accept, signal } = asked;
  const request: RouteRequest = {
    ...{ route: route.name, caller, requestId, parameters, accept },
    query: readQuery(asked, route),
    body: await asked.body(),
    headers: readHeaders(asked, route),
  };
  if (request.body !== undefined && route.body === undefined)
    throw new ApiError('request.unsupported', 'This request takes no body.');
  signal?.throwIfAborted();
  if (isWrite(route)) return options.write(route, request);
  const { consistency, ...query } = request.query;
  if (consistency !== 'stale') await options.catchUp();
  signal?.throwIfAborted();
  return route.handle({ ...request, query });
}

/** The id that the client chose, or a new one. */
export function requestIdOf(asked: string | undefined, { newRequestId }: AnsweringOptions): string {
  return asked !== undefined && REQUEST_ID.test(asked) ? asked : newRequestId();
}

/** What is told of an error; one that should not have happened is only logged. */
export function explainError(error: unknown, requestId: string, { log }: AnsweringOptions): ApiError {
  const known = toApiError(error);
  if (known.code === 'internal.error') log({ message: 'request failed', request_id: requestId, error: stackOf(error) });
  return known;
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
