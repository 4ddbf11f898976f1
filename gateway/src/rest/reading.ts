// Reads what a request carries beside its body, by what its route says that it knows.
import { z } from 'zod';
import { ApiError, invalidField } from './errors.ts';
import { isWrite, ROUTE_HEADERS, type Route, type RouteHeader } from './route.ts';

/** What every read takes: an answer that need not be the newest is to be had without a majority. */
export const CONSISTENCY = z.enum(['linearizable', 'stale']).meta({
  description: 'A `stale` read shows what this peer has, and is answered also when no majority can be reached.',
});

const MAX_HEADER = 255;

/** What the headers of routes may be, and what they are for. */
export const HEADERS: Readonly<Record<RouteHeader, z.ZodType<unknown, string>>> = {
  'idempotency-key': z
    .string()
    .max(MAX_HEADER)
    .meta({ description: 'A repeat with the same key is answered as the first was, save that it has no password.' }),
  'if-match': z
    .string()
    .max(MAX_HEADER)
    .meta({ description: 'The `ETag` of the cluster that was looked at; the change is made only from there.' }),
  'last-event-id': z
    .string()
    .regex(/^\d{1,15}$/, 'must be the id of an event')
    .meta({ description: 'The last event that was seen; the stream goes on after it.' }),
};

/** What a request carries beside its body, as it came. */
export interface Carried {
  readonly query: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Empty when there is none of that name. */
  readonly header: (name: RouteHeader) => string;
}

/** @throws ApiError request.invalid */
export function readHeaders({ header }: Carried, { headers = [] }: Route): Record<string, string> {
  const read: Record<string, string> = {};
  for (const name of ROUTE_HEADERS) {
    const value = header(name);
    if (value === '') continue;
    if (headers.includes(name)) demand(name, HEADERS[name], value);
    read[name] = value;
  }
  return read;
}

/** @throws ApiError request.unsupported, request.invalid */
export function readQuery(carried: Carried, route: Route): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(carried.query)) {
    const schema = Object.hasOwn(route.query, name) ? route.query[name] : undefined;
    const known = name === 'consistency' && !isWrite(route) ? CONSISTENCY : schema;
    // A parameter that is ignored could be one that should have kept a change from being made.
    if (known === undefined) throw new ApiError('request.unsupported', `This request takes no parameter "${name}".`);
    if (typeof value !== 'string') throw invalidField(name, 'must be given once');
    demand(name, known, value);
    query[name] = value;
  }
  return query;
}

function demand(name: string, schema: z.ZodType<unknown, string>, value: string): void {
  const parsed = schema.safeParse(value);
  if (parsed.success) return;
  throw invalidField(name, parsed.error.issues[0]?.message ?? 'is not what it should be');
}
