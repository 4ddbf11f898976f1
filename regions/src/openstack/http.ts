// One HTTP request to an OpenStack service: JSON in and out, a deadline on each, redirects left to the caller. With a
// dead Heat engine behind a living API a GET hangs for ever, so nothing here waits without a limit.
import { status } from '@grpc/grpc-js';
import { Agent, request } from 'undici';
import { codeOfAnswer, OpenStackError } from './errors.ts';

export const REQUEST_TIMEOUT_MS = 20_000;
const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 4_000;
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_MESSAGE_CHARACTERS = 600;

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed when it is JSON; undefined otherwise (Heat answers some requests with HTML). */
  readonly body: unknown;
  readonly text: string;
}

export type Fetch = (request: HttpRequest) => Promise<HttpAnswer>;

/** A connection pool as a function, and what closes it. `ca` is the PEM of the only authority that is believed. */
export function createHttp(
  timeoutMs = REQUEST_TIMEOUT_MS,
  ca?: string,
): { readonly fetch: Fetch; close(): Promise<void> } {
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS, ...(ca === undefined ? {} : { ca }) },
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxResponseSize: MAX_BODY_BYTES,
  });
  return { fetch: (input) => exchange(dispatcher, input, timeoutMs), close: () => dispatcher.destroy() };
}

async function exchange(dispatcher: Agent, input: HttpRequest, timeoutMs: number): Promise<HttpAnswer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await request(input.url, {
      dispatcher,
      method: input.method,
      headers: { accept: 'application/json', 'content-type': 'application/json', ...input.headers },
      signal: input.signal === undefined ? timeout : AbortSignal.any([timeout, input.signal]),
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
    });
    const text = await response.body.text();
    return { status: response.statusCode, headers: response.headers, body: parse(response.headers, text), text };
  } catch (cause) {
    const where = new URL(input.url);
    if (timeout.aborted) {
      const message = `${where.host} did not answer ${input.method} ${where.pathname} within ${timeoutMs} ms.`;
      throw new OpenStackError(message, { code: status.DEADLINE_EXCEEDED, cause });
    }
    if (input.signal?.aborted === true) {
      throw new OpenStackError('The request was given up.', { code: status.CANCELLED, cause });
    }
    throw new OpenStackError(`${where.host} cannot be reached.`, { code: status.UNAVAILABLE, cause });
  }
}

function parse(headers: HttpAnswer['headers'], text: string): unknown {
  if (!String(headers['content-type'] ?? '').includes('json') || text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The error that an answer stands for, with the service's own words. Keystone's and Heat's shapes are read. */
export function answerError(answer: HttpAnswer, asked: string): OpenStackError {
  const body = answer.body as { error?: { message?: string; type?: string }; explanation?: string } | undefined;
  const said = (body?.error?.message ?? body?.explanation ?? answer.text).slice(0, MAX_MESSAGE_CHARACTERS);
  return new OpenStackError(`${asked} was answered ${answer.status}: ${said}`, {
    code: codeOfAnswer(answer.status, said),
    httpStatus: answer.status,
    type: body?.error?.type,
  });
}
