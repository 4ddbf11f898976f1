// A route: one method and path, who may call it, and what it does. The shell (`server.ts`) authenticates, reads the body,
// passes writes to the leader and makes reads linearizable; a route reads, hands over and answers.
import type { Readable } from 'node:stream';
import type { Caller } from './callers.ts';

/** The headers that routes read, in lower case. */
export const ROUTE_HEADERS = ['idempotency-key', 'if-match', 'last-event-id'] as const;

export interface RouteRequest {
  /** Its name. */
  readonly route: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly caller: Caller;
  readonly requestId: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined when there was no body. */
  readonly body: unknown;
  /** The media type that the client would rather have. */
  readonly accept?: string;
}

export interface RouteResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: unknown;
  /** In its place, what is sent as it comes. */
  readonly stream?: Readable;
}

export interface Route {
  /** Such as `clusters.create`: what a follower names to the leader. */
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** The least role that may call it. A member is a reader, an admin is both. */
  readonly role: 'reader' | 'member' | 'admin';
  /** The query parameters that it knows; any other is refused. */
  readonly query: readonly string[];
  handle(request: RouteRequest): RouteResponse | Promise<RouteResponse>;
}

/** True for a route that changes something, which only the leader does. */
export function isWrite({ method }: Route): boolean {
  return method !== 'GET';
}
