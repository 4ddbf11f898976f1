// The ways in which a command ends without having done its work.

/** Exit codes that scripts rely on. */
export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** The command was typed wrongly, or asks for what does not exist: exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command was refused or has failed: exit 1. The message is written for the person who typed it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** Nobody answers at an address. A request that could not be sent has certainly done nothing. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
  readonly wasSent: boolean;

  constructor(message: string, options: ErrorOptions & { readonly wasSent: boolean }) {
    super(message, options);
    this.wasSent = options.wasSent;
  }
}

/** The gateway's answer to a request that it refused. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly title: string;
  readonly requestId: string | undefined;

  constructor(message: string, options: { status: number; title: string; requestId: string | undefined }) {
    super(message);
    this.status = options.status;
    this.title = options.title;
    this.requestId = options.requestId;
  }
}

/** What is written to stderr of an error that an honest user can meet; undefined for a defect of ours. */
export function describeError(error: unknown): string | undefined {
  if (error instanceof ApiError) {
    const request = error.requestId === undefined ? '' : `, request ${error.requestId}`;
    return `${error.message} (${error.title}${request})`;
  }
  if (error instanceof UsageError || error instanceof CommandError || error instanceof UnreachableError) {
    return error.message;
  }
  return undefined;
}
