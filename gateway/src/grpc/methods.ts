// Which route of REST each method of the clients' API is, and how its message becomes what the route reads: a field is
// a part of the path, a query parameter or a header when the route has one of its name, and else belongs to the body.
import type { DescMethod, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { parseBody } from '../rest/bodies.ts';
import { ApiError, invalidField } from '../rest/errors.ts';
import type { Route, RouteResponse } from '../rest/route.ts';
import type { Messages } from './messages.ts';

/** The longest id or name that may be asked for: it comes back in the answer that there is no such thing. */
const MAX_NAME = 255;

const ROUTES: Readonly<Record<string, string>> = {
  CreateCluster: 'clusters.create',
  ListClusters: 'clusters.list',
  GetCluster: 'clusters.show',
  UpdateCluster: 'clusters.update',
  DeleteCluster: 'clusters.delete',
  SwitchOver: 'clusters.switchover',
  FailOver: 'clusters.failover',
  RenewCredentials: 'clusters.credentials',
  ListOperations: 'operations.list',
  GetOperation: 'operations.show',
  CancelOperation: 'operations.cancel',
  ListRegions: 'regions.list',
  GetRegion: 'regions.show',
  AddRegion: 'regions.add',
  RemoveRegion: 'regions.remove',
  DrainRegion: 'regions.drain',
  UndrainRegion: 'regions.undrain',
  AuditRegion: 'regions.audit',
  ReplaceMember: 'clusters.replace',
  ListDatastores: 'datastores.list',
  GetDatastore: 'datastores.show',
  ListUsers: 'users.list',
  GetUser: 'users.show',
  CreateUser: 'users.create',
  DeleteUser: 'users.delete',
  GrantPrivilege: 'users.grant',
  RevokePrivilege: 'users.revoke',
  RenewPassword: 'users.password',
  ListDatabases: 'databases.list',
  CreateDatabase: 'databases.create',
  DeleteDatabase: 'databases.delete',
  ListQuotas: 'quotas.list',
  RunDrill: 'drills.run',
  ListDrills: 'drills.list',
  GetDrill: 'drills.show',
  AbortDrill: 'drills.abort',
  ListProjectLinks: 'project_links.list',
  CreateProjectLink: 'project_links.create',
  DeleteProjectLink: 'project_links.delete',
  ListEvents: 'events.list',
  Watch: 'events.list',
};

export interface Method {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly description: DescMethod;
  readonly route: Route;
}

/** Every method of the API. @throws Error when one is none of the routes */
export function methodsOf(messages: Messages, routes: readonly Route[]): Method[] {
  return messages.services().flatMap((service) =>
    service.methods.map((description) => {
      const route = routes.find(({ name }) => name === ROUTES[description.name]);
      if (route === undefined) throw new Error(`${description.name} is no route.`);
      return { path: `/${service.typeName}/${description.name}`, description, route };
    }),
  );
}

/** A message's parts, by what the route takes them for. */
export interface Parts {
  readonly parameters: Record<string, string>;
  readonly query: Record<string, string>;
  readonly headers: Record<string, string>;
  readonly body: JsonObject;
}

export function partsOf(route: Route, message: JsonObject): Parts {
  const parts: Parts = { parameters: {}, query: {}, headers: {}, body: {} };
  const inPath = namesInPath(route);
  for (const [name, value] of Object.entries(message)) {
    const header = name.replaceAll('_', '-');
    if (inPath.includes(name)) parts.parameters[name] = String(value);
    else if (route.headers?.some((known) => known === header)) parts.headers[header] = String(value);
    else if (name === 'consistency' || Object.hasOwn(route.query, name)) parts.query[name] = String(value);
    else parts.body[name] = value;
  }
  return parts;
}

/** What REST would have read of a body, and refused. @throws ApiError */
export function readParts(route: Route, { parameters, body }: Parts): unknown {
  for (const name of namesInPath(route)) {
    const { length } = parameters[name] ?? '';
    if (length === 0) throw invalidField(name, 'must be given');
    if (length > MAX_NAME) throw invalidField(name, `must have at most ${MAX_NAME} characters`);
  }
  return Object.keys(body).length === 0 ? undefined : parseBody(Buffer.from(JSON.stringify(body)));
}

/** What stands for a message whose bytes are none. */
export function refuseMessage({ description }: Method): never {
  throw new ApiError('request.malformed', `This is no message ${description.input.typeName}.`);
}

/** An answer of the route as the fields of the method's answer. */
export function answerOf({ headers, body }: RouteResponse): JsonObject {
  const { links, ...fields } = body as JsonObject;
  const marker = nextMarker(links);
  return {
    ...fields,
    ...(marker === undefined ? {} : { next_marker: marker }),
    ...(headers?.etag === undefined ? {} : { etag: headers.etag }),
  };
}

function nextMarker(links: JsonValue | undefined): string | undefined {
  const [next] = (links ?? []) as { href: string }[];
  return next && (new URL(next.href, 'http://localhost').searchParams.get('marker') ?? undefined);
}

function namesInPath({ path }: Route): string[] {
  return [...path.matchAll(/:([a-z_]+)/g)].map(([, name = '']) => name);
}
