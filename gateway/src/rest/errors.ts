// What can happen to an honest caller: a stable title, never renamed and never reused, with one HTTP status each.
const STATUS = {
  'request.invalid': 400,
  'request.not_json': 400,
  'request.too_large': 413,
  'request.unsupported': 400,
  'version.unsupported': 406,
  'route.not_found': 404,
  'method.not_allowed': 405,
  'token.missing': 401,
  'token.invalid': 401,
  'keystone.unreachable': 503,
  'access.denied': 403,
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

const RETRY_AFTER_SECONDS = 1;

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get status(): number {
    return STATUS[this.code];
  }

  get headers(): Readonly<Record<string, string>> {
    return this.status === 503 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {};
  }
}

/** The body that keystoneauth, openstacksdk and troveclient all show. */
export function errorBody(error: ApiError, requestId: string): object {
  return { error: { code: error.status, title: error.code, message: error.message, request_id: requestId } };
}
