// What can happen to an honest caller: a stable title, never renamed and never reused, with one HTTP status each. What
// each means and what to do about it stands in docs/errors.md.
import { z } from 'zod';

const STATUS = {
  'request.invalid': 400,
  'request.not_json': 400,
  'request.too_large': 413,
  'request.malformed': 400,
  'request.headers_too_large': 431,
  'request.too_slow': 408,
  'request.unsupported': 400,
  'version.unsupported': 406,
  'route.not_found': 404,
  'method.not_allowed': 405,
  'token.missing': 401,
  'token.invalid': 401,
  'keystone.unreachable': 503,
  'access.denied': 403,
  'rate.limited': 429,
  'quota.exceeded': 409,
  'cluster.not_found': 404,
  'cluster.name_taken': 409,
  'cluster.busy': 409,
  'cluster.unchanged': 409,
  'switchover.impossible': 409,
  'plan.changed': 409,
  'operation.ended': 409,
  'operation.not_cancellable': 409,
  'idempotency.key_reused': 409,
  'precondition.failed': 412,
  'operation.not_found': 404,
  'region.not_found': 404,
  'datastore.unknown': 400,
  'datastore.version_unknown': 400,
  'placement.infeasible': 409,
  'state.stale': 409,
  'events.too_many_watchers': 503,
  'regions.silent': 503,
  'leader.unknown': 503,
  'leader.lost': 503,
  'internal.error': 500,
} as const;

export type ErrorCode = keyof typeof STATUS;

export const ERROR_CODES = Object.keys(STATUS) as ErrorCode[];

const RETRY_AFTER_SECONDS = 1;

export interface ApiErrorOptions extends ErrorOptions {
  /** When it may be tried again; a 503 says a second unless it knows better. */
  readonly retryAfterSeconds?: number;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly #retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options?: ApiErrorOptions) {
    super(message, options);
    this.code = code;
    this.#retryAfterSeconds = options?.retryAfterSeconds ?? (statusOf(code) === 503 ? RETRY_AFTER_SECONDS : undefined);
  }

  get status(): number {
    return statusOf(this.code);
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#retryAfterSeconds === undefined ? {} : { 'retry-after': String(this.#retryAfterSeconds) };
  }
}

export function statusOf(code: ErrorCode): number {
  return STATUS[code];
}

/** The body that keystoneauth, openstacksdk and troveclient all show. */
export function errorBody(error: ApiError, requestId: string): ErrorBody {
  return { error: { code: error.status, title: error.code, message: error.message, request_id: requestId } };
}

export interface ErrorBody {
  readonly error: {
    readonly code: number;
    readonly title: string;
    readonly message: string;
    readonly request_id: string;
  };
}

/** The body of an answer that is one of these errors, which share a status. */
export function errorSchema(codes: readonly ErrorCode[]) {
  return z.strictObject({
    error: z.strictObject({
      code: z.literal([...new Set(codes.map(statusOf))]).meta({ description: 'The HTTP status.' }),
      title: z.enum(codes).meta({ description: 'Stable: never renamed, never reused.' }),
      message: z.string().meta({ description: 'For people.' }),
      request_id: z.string().meta({ description: 'Found in every line of the logs about this request.' }),
    }),
  });
}

const PROBLEM = 'application/problem+json';

/** The same error as RFC 9457 has it, for a client whose `Accept` names that form; undefined for any other. */
export function problemOf(accept: string, body: unknown): { mediaType: string; body: object } | undefined {
  if (!accept.includes(PROBLEM) || typeof body !== 'object' || body === null || !('error' in body)) return undefined;
  const { error, ...others } = body as ErrorBody;
  const { code, title, message, request_id } = error;
  const problem = { type: `urn:argosy:error:${title}`, title, status: code, detail: message, request_id, ...others };
  return { mediaType: PROBLEM, body: problem };
}
