// What can happen to an honest caller: a stable title, never renamed and never reused, with one HTTP status each. What
// each means and what to do about it stands in docs/errors.md.
import { z } from 'zod';
import { type RelaxationView, relaxationSchema } from './relaxations.ts';

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
  'failover.impossible': 409,
  'drill.not_found': 404,
  'drill.impossible': 409,
  'drill.busy': 409,
  'drill.ended': 409,
  'drill.needs_network_namespaces': 409,
  'plan.changed': 409,
  'operation.ended': 409,
  'operation.not_cancellable': 409,
  'idempotency.key_reused': 409,
  'precondition.failed': 412,
  'project.linked': 409,
  'project.in_use': 409,
  'project.not_linked': 404,
  'operation.not_found': 404,
  'region.not_found': 404,
  'region.name_taken': 409,
  'region.in_use': 409,
  'region.silent': 503,
  'replace.impossible': 409,
  'datastore.unknown': 400,
  'datastore.version_unknown': 400,
  'datastore.not_found': 404,
  'parameter.unknown': 400,
  'account.unsupported': 409,
  'user.not_found': 404,
  'user.name_taken': 409,
  'database.not_found': 404,
  'database.name_taken': 409,
  'parameter.reserved': 400,
  'placement.infeasible': 409,
  'state.stale': 409,
  'events.too_many_watchers': 503,
  'events.too_slow': 429,
  'peer.stopping': 503,
  'regions.silent': 503,
  'leader.unknown': 503,
  'leader.lost': 503,
  'peers.outdated': 503,
  'disk.full': 503,
  'internal.error': 500,
} as const;

export type ErrorCode = keyof typeof STATUS;

export const ERROR_CODES = Object.keys(STATUS) as ErrorCode[];

const RETRY_AFTER_SECONDS = 1;

/** What is wrong with one field of a request. */
export interface Violation {
  /** A path such as `cluster.topology.voters`; empty for the whole. */
  readonly field: string;
  readonly message: string;
}

export interface ApiErrorOptions extends ErrorOptions {
  /** When it may be tried again; a 503 says a second unless it knows better. */
  readonly retryAfterSeconds?: number;
  readonly violations?: readonly Violation[];
  /** What smaller wish would fit. */
  readonly relaxations?: readonly RelaxationView[];
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];
  readonly relaxations: readonly RelaxationView[];
  readonly #retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options?: ApiErrorOptions) {
    super(message, options);
    this.code = code;
    this.violations = options?.violations ?? [];
    this.relaxations = options?.relaxations ?? [];
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
  const { status, code, message, violations, relaxations } = error;
  return {
    error: {
      ...{ code: status, title: code, message, request_id: requestId },
      ...(violations.length === 0 ? {} : { violations }),
      ...(relaxations.length === 0 ? {} : { relaxations }),
    },
  };
}

/** One field, or one parameter, is wrong. */
export function invalidField(field: string, message: string): ApiError {
  return new ApiError('request.invalid', `${field}: ${message}.`, { violations: [{ field, message }] });
}

export interface ErrorBody {
  readonly error: {
    readonly code: number;
    readonly title: string;
    readonly message: string;
    readonly request_id: string;
    readonly violations?: readonly Violation[];
    readonly relaxations?: readonly RelaxationView[];
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
      violations: z
        .array(z.strictObject({ field: z.string(), message: z.string() }))
        .optional()
        .meta({ description: 'What is wrong, field by field, with a body that is not as it should be.' }),
      relaxations: z
        .array(relaxationSchema)
        .optional()
        .meta({ description: 'Of a wish that cannot be placed: the smallest changes of it that can.' }),
    }),
  });
}

const PROBLEM = 'application/problem+json';

/** The same error as RFC 9457 has it, for a client whose `Accept` names that form; undefined for any other. */
export function problemOf(accept: string, body: unknown): { mediaType: string; body: object } | undefined {
  if (!accept.includes(PROBLEM) || typeof body !== 'object' || body === null || !('error' in body)) return undefined;
  const { error, ...others } = body as ErrorBody;
  const { code, title, message, ...more } = error;
  const problem = { type: `urn:argosy:error:${title}`, title, status: code, detail: message, ...more, ...others };
  return { mediaType: PROBLEM, body: problem };
}
