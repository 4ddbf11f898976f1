// The API document (OpenAPI 3.1), made of the routes themselves: what it says of a body is what the body is read by.
import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from 'zod-openapi';
import { type ErrorCode, errorSchema, statusOf } from './errors.ts';
import { CONSISTENCY, HEADERS } from './reading.ts';
import { isWrite, type OpenPage, type Route } from './route.ts';
import { MICROVERSION } from './versions.ts';

const OPENAPI_VERSION = '3.1.1';
const JSON_TYPE = 'application/json';
const EVENT_STREAM = 'text/event-stream';

/** What any route can answer, before it is asked or because it cannot be. */
const ANY_ROUTE: readonly ErrorCode[] = [
  ...([
    'request.invalid',
    'request.not_json',
    'request.unsupported',
    'request.malformed',
    'request.too_large',
  ] as const),
  ...(['version.unsupported', 'token.missing', 'token.invalid', 'access.denied', 'rate.limited'] as const),
  ...(['keystone.unreachable', 'leader.unknown', 'internal.error'] as const),
];
const ANY_WRITE: readonly ErrorCode[] = ['leader.lost', 'peers.outdated', 'disk.full'];
const ANY_PAGE: readonly ErrorCode[] = ['version.unsupported', 'internal.error'];

const DESCRIPTION = `Database clusters over OpenStack regions.

A request carries a Keystone token in \`X-Auth-Token\`. An error is \`{"error": {"code", "title", "message",
"request_id"}}\`, or RFC 9457 for whom asks for \`application/problem+json\`. A path that there is not is answered 404
\`route.not_found\`, another method 405 \`method.not_allowed\`; a request that is no HTTP, too slow or has headers that are
too large 400 \`request.malformed\`, 408 \`request.too_slow\`, 431 \`request.headers_too_large\`.`;

export interface ApiDescription {
  readonly routes: readonly Route[];
  readonly pages: readonly OpenPage[];
}

/** Every title that this route can answer. */
export function errorsOf(route: Route): readonly ErrorCode[] {
  return [...new Set([...ANY_ROUTE, ...(isWrite(route) ? ANY_WRITE : []), ...route.errors])];
}

/** What the body of the route's answer is read by; undefined for a status that it does not answer. */
export function answerSchema(route: Route, status: number): z.ZodType | undefined {
  return merged(route.answers[status], errorsOf(route), status);
}

export function pageSchema(page: OpenPage, status: number): z.ZodType | undefined {
  return merged(page.answers[status], ANY_PAGE, status);
}

function merged(answer: z.ZodType | undefined, errors: readonly ErrorCode[], status: number): z.ZodType | undefined {
  const codes = errors.filter((code) => statusOf(code) === status);
  if (codes.length === 0) return answer;
  return answer === undefined ? errorSchema(codes) : z.union([errorSchema(codes), answer]);
}

export function describeApi({ routes, pages }: ApiDescription): object {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const page of pages) {
    if (page.summary !== undefined) paths[page.path] = { get: describePage(page) };
  }
  for (const route of routes) {
    const path = route.path.replaceAll(/:([a-z_]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeRoute(route) };
  }
  const tags = [...new Set(routes.map(tagOf)), 'service'].map((name) => ({ name }));
  return createDocument(
    {
      openapi: OPENAPI_VERSION,
      info: { title: 'Argosy', version: MICROVERSION, description: DESCRIPTION },
      servers: [{ url: '/' }],
      security: [{ token: [] }],
      tags,
      paths,
      components: { securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' } } },
    },
    {
      // A field that comes to be in an answer breaks no client; one that is unknown in a request is refused.
      override: ({ jsonSchema, io }) => {
        if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      },
    },
  );
}

function describeRoute(route: Route): ZodOpenApiOperationObject {
  const errors = errorsOf(route);
  const statuses = new Set([...Object.keys(route.answers).map(Number), ...errors.map(statusOf)]);
  const names = [...route.path.matchAll(/:([a-z_]+)/g)].map(([, name = '']) => name);
  const query = isWrite(route) ? route.query : { ...route.query, consistency: CONSISTENCY };
  const path = z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
  const headers = Object.fromEntries((route.headers ?? []).map((name) => [name, HEADERS[name].optional()]));
  return {
    operationId: route.name,
    summary: route.summary,
    description: `Needs the role \`${route.role}\`.`,
    tags: [tagOf(route)],
    requestParams: {
      ...(names.length === 0 ? {} : { path }),
      query: z.object(Object.fromEntries(Object.entries(query).map(([name, schema]) => [name, optional(schema)]))),
      header: z.object(headers),
    },
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: !route.body.safeParse({}).success,
            content: { [JSON_TYPE]: { schema: route.body } },
          },
        }),
    responses: Object.fromEntries(
      [...statuses].sort().map((status) => [String(status), describeAnswer(route, status, errors)]),
    ),
  };
}

function describeAnswer(route: Route, status: number, errors: readonly ErrorCode[]): ZodOpenApiResponseObject {
  const titles = errors.filter((code) => statusOf(code) === status);
  const schema = answerSchema(route, status) ?? z.unknown();
  return {
    description: titles.length === 0 ? 'Done.' : titles.map((title) => `\`${title}\``).join(', '),
    content: {
      [JSON_TYPE]: { schema },
      ...(route.canStream === true && status === 200 ? { [EVENT_STREAM]: { schema: z.string() } } : {}),
    },
  };
}

function describePage(page: OpenPage): ZodOpenApiOperationObject {
  const statuses = new Set([...Object.keys(page.answers).map(Number), ...ANY_PAGE.map(statusOf)]);
  const describe = (status: number): ZodOpenApiResponseObject => {
    const schema = pageSchema(page, status) ?? z.unknown();
    const mediaType = page.answers[status] === undefined ? JSON_TYPE : (page.mediaType.split(';')[0] ?? JSON_TYPE);
    return { description: status === 200 ? 'Done.' : 'Not done.', content: { [mediaType]: { schema } } };
  };
  return {
    operationId: page.path === '/' ? 'service.root' : `service${page.path.replaceAll(/[/.]/g, '.')}`,
    summary: page.summary ?? '',
    tags: ['service'],
    security: [],
    responses: Object.fromEntries([...statuses].sort().map((status) => [String(status), describe(status)])),
  };
}

function tagOf({ name }: Pick<Route, 'name'>): string {
  return name.split('.')[0] ?? name;
}

function optional(schema: z.ZodType<unknown, string>): z.ZodType {
  return schema.optional();
}
