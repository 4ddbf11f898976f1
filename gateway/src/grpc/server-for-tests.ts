// The clients' gRPC API over the world of the REST tests, so that one can be held against the other, and a client of it.
import {
  BadRequest,
  ClusterPlan,
  ClusterServiceService,
  ErrorInfo,
  EventServiceService,
  RequestInfo,
  RetryInfo,
  RpcStatus,
  type WatchRequest,
  type WatchResponse,
} from '@argosy/proto';
import * as grpc from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import { type Served, type ServeOptions, serve } from '../rest/server-for-tests.ts';
import { GrpcServer, type GrpcServerOptions } from './server.ts';

const NOW = '2026-01-01T00:00:00.000Z';
const DEADLINE_MS = 20_000;
const PREFIX = 'type.googleapis.com/';

/** The methods that the tests call, by service. */
export {
  ClusterServiceService as clusters,
  DatastoreServiceService as datastores,
  EventServiceService as events,
  OperationServiceService as operations,
  QuotaServiceService as quotas,
  RegionServiceService as regions,
} from '@argosy/proto';

export interface Answered<Response> {
  readonly code: keyof typeof grpc.status;
  /** The title of the error; undefined when there is none. */
  readonly reason?: string;
  readonly message?: string;
  readonly response?: Response;
  readonly details: Details;
  readonly requestId: string | undefined;
}

/** Of an error, by their types. */
export interface Details {
  readonly info?: ErrorInfo;
  readonly request?: RequestInfo;
  readonly retry?: RetryInfo;
  readonly badRequest?: BadRequest;
  readonly plan?: ClusterPlan;
}

export interface ServedGrpc extends Served {
  readonly server: GrpcServer;
  readonly address: string;
  /** Calls a method. What is not given of the request is left at its default. */
  readonly ask: <Request extends object, Response>(
    method: grpc.MethodDefinition<Request, Response>,
    request: Partial<Request>,
    options?: AskOptions,
  ) => Promise<Answered<Response>>;
  /** Begins a watch. */
  readonly watch: (request: Partial<WatchRequest>, token?: string) => grpc.ClientReadableStream<WatchResponse>;
}

export interface AskOptions {
  /** `demo` unless it is given; undefined for none. */
  readonly token?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  /** To cancel it by. */
  readonly onCall?: (call: grpc.ClientUnaryCall) => void;
}

export type ServeGrpcOptions = ServeOptions & Partial<GrpcServerOptions>;

export async function serveGrpc(
  t: Pick<ExecutionContext, 'teardown'>,
  options: ServeGrpcOptions = {},
): Promise<ServedGrpc> {
  const served = await serve(t, options);
  const server = await GrpcServer.listen(
    { address: '127.0.0.1', port: 0 },
    {
      ...served.answering,
      monotonicMs: () => 0,
      now: () => new Date(),
      measure: (call) => served.metrics.callEnded(call),
      ...options,
    },
  );
  const address = `127.0.0.1:${server.port}`;
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  t.teardown(async () => {
    client.close();
    served.events.close();
    await server.close();
  });
  const watch: ServedGrpc['watch'] = (request, token = 'demo') => {
    const { path, requestSerialize, responseDeserialize } = EventServiceService.watch;
    const message = withDefaults(EventServiceService.watch, request);
    return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, message, metadataOf({ token }));
  };
  return { ...served, server, address, watch, ask: (...call) => ask(client, ...call) };
}

/** A server over a cluster that was made. */
export async function madeGrpc(t: ExecutionContext, options: ServeGrpcOptions = {}): Promise<ServedGrpc> {
  const served = await serveGrpc(t, options);
  const { world } = served;
  world.elect();
  const { response } = await served.ask(ClusterServiceService.createCluster, { cluster: wish('orders') });
  const id = response?.operation?.id ?? '';
  await world.until(() => world.federation.operation(id)?.status === 'DONE');
  return served;
}

/** The world hears of a region. */
export function hear(
  { world, events: served }: Pick<Served, 'world' | 'events'>,
  status: 'UP' | 'UNREACHABLE',
  detail = '',
): void {
  const region = { name: 'north', provider: 'aurora', jurisdiction: 'EU', status, detail, updatedAt: NOW };
  const flavors = [{ name: 'small', vcpus: 1, memoryMib: 512 }];
  world.commit({ kind: 'region.observed', region: { ...region, zones: [{ name: 'a', freeMembers: 3 }], flavors } });
  served.applied();
}

/** A cluster with nothing but what has no default. */
export function wish(name: string) {
  return {
    ...{
      name,
      datastore: { type: 'postgresql', version: undefined },
      flavor: undefined,
      volume: undefined,
      parameters: {},
    },
    ...{ topology: undefined, placement: undefined, durability: undefined },
  };
}

export function metadataOf({ metadata, ...options }: AskOptions): grpc.Metadata {
  const token = 'token' in options ? options.token : 'demo';
  const made = new grpc.Metadata();
  if (token !== undefined) made.set('x-auth-token', token);
  for (const [name, value] of Object.entries(metadata ?? {})) made.set(name, value);
  return made;
}

function ask<Request extends object, Response>(
  client: grpc.Client,
  method: grpc.MethodDefinition<Request, Response>,
  request: Partial<Request>,
  options: AskOptions = {},
): Promise<Answered<Response>> {
  const { path, requestSerialize, responseDeserialize } = method;
  const message = withDefaults(method, request);
  const deadline = Date.now() + DEADLINE_MS;
  return new Promise((resolve) => {
    let requestId: string | undefined;
    const told = (error: grpc.ServiceError | null, response?: Response): void => {
      if (error !== null) resolve({ ...readError(error), requestId });
      else if (response !== undefined) resolve({ code: 'OK', response, details: {}, requestId });
    };
    const metadata = metadataOf(options);
    const callOptions = { deadline };
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      metadata,
      callOptions,
      told,
    );
    call.on('metadata', (answered: grpc.Metadata) => {
      requestId = answered.get('x-openstack-request-id')[0]?.toString();
    });
    options.onCall?.(call);
  });
}

function withDefaults<Request extends object>(
  { requestDeserialize }: Pick<grpc.MethodDefinition<Request, never>, 'requestDeserialize'>,
  request: Partial<Request>,
): Request {
  return { ...requestDeserialize(Buffer.alloc(0)), ...request };
}

/** An error as a client sees it. */
export function readError(error: grpc.ServiceError): Omit<Answered<never>, 'requestId'> {
  const details = detailsOf(error.metadata);
  const reason = details.info?.reason;
  return {
    code: grpc.status[error.code] as keyof typeof grpc.status,
    message: error.details,
    details,
    ...(reason === undefined ? {} : { reason }),
  };
}

function detailsOf(metadata: grpc.Metadata | undefined): Details {
  const bytes = metadata?.get('grpc-status-details-bin')[0];
  if (!(bytes instanceof Buffer)) return {};
  const found = new Map(RpcStatus.decode(bytes).details.map(({ typeUrl, value }) => [typeUrl, value]));
  const read = <Message>(type: string, message: { decode(input: Uint8Array): Message }): Message | undefined => {
    const value = found.get(PREFIX + type);
    return value === undefined ? undefined : message.decode(value);
  };
  const all = {
    info: read('google.rpc.ErrorInfo', ErrorInfo),
    request: read('google.rpc.RequestInfo', RequestInfo),
    retry: read('google.rpc.RetryInfo', RetryInfo),
    badRequest: read('google.rpc.BadRequest', BadRequest),
    plan: read('argosy.v2.Plan', ClusterPlan),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
