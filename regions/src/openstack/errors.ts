// What can go wrong between an executor and its OpenStack, in the three classes that the federation acts upon: try the
// same again, place the member elsewhere, or give up. The class decides the gRPC code of `executor.proto`.
import { status } from '@grpc/grpc-js';

/** `retry`: the same may work later. `elsewhere`: there is no room here. `never`: it will fail again. */
export type FailureClass = 'retry' | 'elsewhere' | 'never';

/** An answer of OpenStack that is not the one asked for, or no answer at all. */
export class OpenStackError extends Error {
  override readonly name = 'OpenStackError';
  readonly code: status;
  /** The HTTP status; undefined when there was no answer. */
  readonly httpStatus: number | undefined;
  /** Heat's name of the error, such as `StackExists`. */
  readonly type: string | undefined;

  constructor(
    message: string,
    options: { code: status; httpStatus?: number; type?: string | undefined; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.httpStatus = options.httpStatus;
    this.type = options.type;
  }
}

/** The class that a gRPC code stands for, as the comment in `executor.proto` has it. */
export function failureClass(code: status): FailureClass {
  switch (code) {
    case status.RESOURCE_EXHAUSTED:
      return 'elsewhere';
    case status.INVALID_ARGUMENT:
    case status.FAILED_PRECONDITION:
    case status.UNIMPLEMENTED:
    case status.PERMISSION_DENIED:
    case status.NOT_FOUND:
      return 'never';
    default:
      return 'retry';
  }
}

// Words by which Nova, Cinder, Neutron and Heat say that they are full: what Heat keeps of their errors is a sentence.
const NO_ROOM = [
  /no valid host/i,
  /quota/i,
  /over ?limit/i,
  /limit.{0,40}exceeded/i,
  /maximum.{0,40}(reached|exceeded)/i,
  /reached the maximum/i,
  /no more (ip|free)/i,
  /ip ?address ?generation ?failure/i,
  /insufficient (capacity|resources|free)/i,
];

/** True when a reason given by OpenStack says that there is no room. */
export function saysNoRoom(reason: string): boolean {
  return NO_ROOM.some((words) => words.test(reason));
}

/** What Heat finds wrong inside a nested template, such as a flavor that is not there, shows only when it is made. */
const FOUND_INVALID = /\bStackValidationFailed: resources\./;

/** The code for a resource or stack that Heat says has failed. What was asked may be valid, and work later. */
export function codeOfFailedStack(reason: string): status {
  if (FOUND_INVALID.test(reason)) return status.INVALID_ARGUMENT;
  return saysNoRoom(reason) ? status.RESOURCE_EXHAUSTED : status.INTERNAL;
}

/** The code for an HTTP answer that is an error. */
export function codeOfAnswer(httpStatus: number, message: string): status {
  if (httpStatus === 400) return saysNoRoom(message) ? status.RESOURCE_EXHAUSTED : status.INVALID_ARGUMENT;
  // Keystone does not know us, or not yet again: an operator can cure it, so the wish stays.
  if (httpStatus === 401) return status.UNAUTHENTICATED;
  if (httpStatus === 403 || httpStatus === 413) {
    return saysNoRoom(message) ? status.RESOURCE_EXHAUSTED : status.PERMISSION_DENIED;
  }
  if (httpStatus === 404) return status.NOT_FOUND;
  if (httpStatus === 409) return status.ABORTED;
  if (httpStatus === 504) return status.DEADLINE_EXCEEDED;
  return status.UNAVAILABLE;
}
