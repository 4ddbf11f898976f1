// A route: one method and path, who may call it, and what it does. The shell (`server.ts`) authenticates, reads the body,
// passes writes to the leader and makes reads linearizable; a route reads, hands over and answers.
import type { z } from 'zod';
import type { Caller } from './callers.ts';
import type { ErrorCode } from './errors.ts';
import type { EventFeed } from './event-feed.ts';

/** The headers that routes read, in lower case. */
export const ROUTE_HEADERS = ['idempotency-key', 'if-match', 'last-event-id'] as const;
export type RouteHeader = (typeof ROUTE_HEADERS)[number];

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
  /** In its place, events that are sent as they come. */
  readonly feed?: EventFeed;
  /** In its place, what is sent as it is; `content-type` stands in the headers. */
  readonly content?: string | Buffer;
}

/** What the API document tells of a route, and what the shell and the tests hold it to. */
export interface RouteDescription {
  /** What it does, in a phrase. */
  readonly summary: string;
  /** The query parameters that it knows, each with what it may be; any other is refused. */
  readonly query: Readonly<Record<string, z.ZodType<unknown, string>>>;
  /** The headers that it reads. */
  readonly headers?: readonly RouteHeader[];
  /** What it reads the body by; absent: it takes none. */
  readonly body?: z.ZodType;
  /** Its answers by status, beside the errors. */
  readonly answers: Readonly<Record<number, z.ZodType>>;
  /** Beside those that any route can answer (openapi.ts). */
  readonly errors: readonly ErrorCode[];
  /** True when it answers a stream of events to whom asks for `text/event-stream`. */
  readonly canStream?: boolean;
}

export interface Route extends RouteDescription {
  /** Such as `clusters.create`: what a follower names to the leader. */
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** The least role that may call it. A member is a reader, an admin is both. */
  readonly role: 'reader' | 'member' | 'admin';
  handle(request: RouteRequest): RouteResponse | Promise<RouteResponse>;
}

/** A page that anybody may read, without a token. */
export interface OpenPage {
  readonly path: string;
  /** Absent for what is only a part of another page. */
  readonly summary?: string;
  readonly mediaType: string;
  readonly answers: Readonly<Record<number, z.ZodType>>;
  /** `origin` is the scheme and host by which the client came. */
  handle(origin: string): RouteResponse | Promise<RouteResponse>;
}

/** True for a route that changes something, which only the leader does. */
export function isWrite({ method }: Route): boolean {
  return method !== 'GET';
}

/** Matches the paths of a route such as `/v2/clusters/:id`. */
export function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/:[a-z]+/g, '[^/]+')}/?$`);
}
