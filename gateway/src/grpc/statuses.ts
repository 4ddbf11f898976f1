// An error as gRPC has it: a code, a message, and in `grpc-status-details-bin` a google.rpc.Status (AIP-193) whose
// details are Google's standard ones, so that clients of any language have the types. The stable title of REST is the
// reason in ErrorInfo.
import { BadRequest, ErrorInfo, RequestInfo, RetryInfo, RpcStatus } from '@argosy/proto';
import type { JsonObject } from '@bufbuild/protobuf';
import { status as codes, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { ErrorBody, ErrorCode } from '../rest/errors.ts';
import type { RouteResponse } from '../rest/route.ts';
import { encode, type Messages } from './messages.ts';

const DOMAIN = 'argosy';
const DETAILS = 'grpc-status-details-bin';
/** Clients take 8 KiB of trailers; in base64 the details are a third longer, and the message stands there twice. */
const MAX_DETAILS_BYTES = 4 * 1024;
const MAX_MESSAGE_BYTES = 1_024;

const BY_STATUS: Readonly<Record<number, codes>> = {
  400: codes.INVALID_ARGUMENT,
  401: codes.UNAUTHENTICATED,
  403: codes.PERMISSION_DENIED,
  404: codes.NOT_FOUND,
  409: codes.FAILED_PRECONDITION,
  412: codes.ABORTED,
  413: codes.RESOURCE_EXHAUSTED,
  429: codes.RESOURCE_EXHAUSTED,
  503: codes.UNAVAILABLE,
};

/** Where the HTTP status says less than a gRPC code can. */
const BY_TITLE: Readonly<Partial<Record<ErrorCode, codes>>> = {
  'cluster.name_taken': codes.ALREADY_EXISTS,
  'plan.changed': codes.ABORTED,
  'state.stale': codes.ABORTED,
  'quota.exceeded': codes.RESOURCE_EXHAUSTED,
};

export function codeOf(title: string, httpStatus: number): codes {
  return BY_TITLE[title as ErrorCode] ?? BY_STATUS[httpStatus] ?? codes.INTERNAL;
}

/** Of an answer of 400 or more. */
export function statusOf({ headers, body }: RouteResponse, messages: Messages): StatusObject {
  const { error, plan } = body as ErrorBody & { readonly plan?: JsonObject };
  const code = codeOf(error.title, error.code);
  const message = shorten(error.message);
  const details = [
    any('google.rpc.ErrorInfo', ErrorInfo.encode({ reason: error.title, domain: DOMAIN, metadata: {} }).finish()),
    any('google.rpc.RequestInfo', RequestInfo.encode({ requestId: error.request_id, servingData: '' }).finish()),
    ...retryInfo(headers?.['retry-after']),
    ...badRequest(error.violations ?? []),
    ...(plan === undefined ? [] : [any('argosy.v2.Plan', encode(messages.message('Plan'), plan))]),
  ];
  const metadata = new Metadata();
  metadata.set(DETAILS, Buffer.from(RpcStatus.encode({ code, message, details: whatFits(details) }).finish()));
  return { code, details: message, metadata };
}

interface Detail {
  readonly typeUrl: string;
  readonly value: Buffer;
}

function any(type: string, value: Uint8Array): Detail {
  return { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(value) };
}

function retryInfo(seconds: string | undefined): Detail[] {
  if (seconds === undefined) return [];
  const retryDelay = { seconds: Number(seconds), nanos: 0 };
  return [any('google.rpc.RetryInfo', RetryInfo.encode({ retryDelay }).finish())];
}

function badRequest(violations: NonNullable<ErrorBody['error']['violations']>): Detail[] {
  if (violations.length === 0) return [];
  // What is a header in HTTP is a field here.
  const fieldViolations = violations.map(({ field, message }) => ({
    field: field.toLowerCase().replaceAll('-', '_'),
    description: shorten(message),
  }));
  return [any('google.rpc.BadRequest', BadRequest.encode({ fieldViolations }).finish())];
}

function whatFits(details: readonly Detail[]): Detail[] {
  let size = 0;
  return details.filter(({ value }) => {
    if (size + value.length > MAX_DETAILS_BYTES) return false;
    size += value.length;
    return true;
  });
}

/** As much of a message as may travel; gRPC writes what is not ASCII in three letters a byte. */
function shorten(message: string): string {
  let bytes = 0;
  let short = '';
  for (const character of message) {
    const isPlain = character >= ' ' && character <= '~' && character !== '%';
    bytes += isPlain ? 1 : 3 * Buffer.byteLength(character);
    if (bytes > MAX_MESSAGE_BYTES) return `${short}...`;
    short += character;
  }
  return short;
}
