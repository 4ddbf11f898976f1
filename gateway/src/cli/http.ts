// JSON over HTTP with a bound on the time, and a clear word for "nobody answers". A private authority's certificate is
// taken from a file, as OpenStack clients do with `cacert`.
import { readFileSync } from 'node:fs';
import { CommandError, UnreachableError } from './errors.ts';

const REQUEST_TIMEOUT_MS = 15_000;

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Undefined when there is no body, or none that is JSON. */
  readonly body: unknown;
}

/** Sends one request. @throws UnreachableError */
export type Http = (request: HttpRequest) => Promise<HttpAnswer>;

/** Whom the other end of a TLS connection must be vouched for by. */
export interface TlsTrust {
  readonly caFile?: string | undefined;
  readonly isVerified?: boolean | undefined;
}

/** Opens a way to send requests. */
export async function openHttp(trust: TlsTrust = {}): Promise<Http> {
  const send = await openFetch(trust);
  return async (request) => {
    const { method, url, headers = {}, body, timeoutMs = REQUEST_TIMEOUT_MS } = request;
    const init = {
      method,
      headers: { accept: 'application/json', ...(body === undefined ? {} : JSON_CONTENT), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    };
    try {
      const response = await send(url, init);
      return { status: response.status, headers: response.headers, body: readJson(await response.text()) };
    } catch (error) {
      throw unreachable(url, error);
    }
  };
}

const JSON_CONTENT = { 'content-type': 'application/json' };

/** The system's codes for a connection that was never made. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

interface FetchAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}

async function openFetch(trust: TlsTrust): Promise<(url: string, init: FetchInit) => Promise<FetchAnswer>> {
  if (trust.caFile === undefined && trust.isVerified !== false) return (url, init) => fetch(url, init);
  // Loaded only when it is needed: it would double the time that a command takes to start. Its own fetch, because an
  // agent of another version than Node's does not fit Node's fetch.
  const { Agent, fetch: fetchThrough } = await import('undici');
  const connect = { ...readAuthority(trust.caFile), rejectUnauthorized: trust.isVerified !== false };
  const dispatcher = new Agent({ connect });
  return (url, init) => fetchThrough(url, { ...init, dispatcher });
}

function readAuthority(caFile: string | undefined): { ca?: string } {
  if (caFile === undefined) return {};
  try {
    return { ca: readFileSync(caFile, 'utf8') };
  } catch (error) {
    throw new CommandError(`The authority's certificate ${caFile} cannot be read.`, { cause: error });
  }
}

function unreachable(url: string, error: unknown): UnreachableError {
  const { host } = new URL(url);
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new UnreachableError(`${host} does not answer in time.`, { cause: error, wasSent: true });
  }
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  return new UnreachableError(`${host} cannot be reached (${code}).`, { cause: error, wasSent: !NOT_SENT.has(code) });
}

function readJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
