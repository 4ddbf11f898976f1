// Why a command was not carried out, with the gRPC code by which its sender decides what to do next.
import { type ServiceError, status } from '@grpc/grpc-js';
import { OpenStackError } from '../openstack/errors.ts';

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: status;

  constructor(code: status, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What is told to the caller. Errors that nobody foresaw are told without their detail. */
export function toStatus(error: unknown): { code: status; details: string } {
  if (error instanceof CommandError || error instanceof OpenStackError)
    return { code: error.code, details: error.message };
  if (isServiceError(error)) return { code: error.code, details: error.details };
  return { code: status.INTERNAL, details: 'The executor failed; its log says why.' };
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === 'number' && 'details' in error;
}
