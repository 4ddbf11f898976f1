// The clients' gRPC API over the world of the REST tests, so that one can be held against the other, and a client of it.
import {
  BadRequest,
  ClusterPlan,
  ClusterServiceClient,
  DatastoreServiceClient,
  ErrorInfo,
  EventServiceClient,
  OperationServiceClient,
  QuotaServiceClient,
  RegionServiceClient,
  RequestInfo,
  RetryInfo,
  RpcStatus,
} from '@argosy/proto';
import * as grpc from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import { type Served, type ServeOptions, serve } from '../rest/server-for-tests.ts';
import { GrpcServer, type GrpcServerOptions } from './server.ts';

const DEADLINE_MS = 20_000;
const PREFIX = 'type.googleapis.com/';

type Callback<Response> = (error: grpc.ServiceError | null, response: Response) => void;
type Unary<Request, Response> = (
  request: Request,
  metadata: grpc.Metadata,
  options: Partial<grpc.CallOptions>,
  callback: Callback<Response>,
) => grpc.ClientUnaryCall;

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
  readonly clusters: ClusterServiceClient;
  readonly operations: OperationServiceClient;
  readonly regions: RegionServiceClient;
  readonly datastores: DatastoreServiceClient;
  readonly quotas: QuotaServiceClient;
  readonly eventService: EventServiceClient;
  /** Calls a method of one of the clients. What is not given of the request is left at its default. */
  readonly ask: <Request extends object, Response>(
    client: grpc.Client,
    method: Unary<Request, Response>,
    request: Partial<Request>,
    options?: AskOptions,
  ) => Promise<Answered<Response>>;
}

export interface AskOptions {
  /** `demo` unless it is given; undefined for none. */
  readonly token?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
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
  const credentials = grpc.credentials.createInsecure();
  const clients = {
    clusters: new ClusterServiceClient(address, credentials),
    operations: new OperationServiceClient(address, credentials),
    regions: new RegionServiceClient(address, credentials),
    datastores: new DatastoreServiceClient(address, credentials),
    quotas: new QuotaServiceClient(address, credentials),
    eventService: new EventServiceClient(address, credentials),
  };
  t.teardown(async () => {
    for (const client of Object.values(clients)) client.close();
    served.events.close();
    await server.close();
  });
  return { ...served, ...clients, server, address, ask };
}

/** A server over a cluster that was made. */
export async function madeGrpc(t: ExecutionContext, options: ServeGrpcOptions = {}): Promise<ServedGrpc> {
  const served = await serveGrpc(t, options);
  const { world, clusters } = served;
  world.elect();
  const { response } = await ask(clusters, clusters.createCluster, { cluster: wish('orders') });
  const id = response?.operation?.id ?? '';
  await world.until(() => world.federation.operation(id)?.status === 'DONE');
  return served;
}

/** A cluster with nothing but what has no default. */
export function wish(name: string) {
  return {
    ...{ name, datastore: { type: 'postgresql', version: undefined }, flavor: undefined, volume: undefined },
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
  method: Unary<Request, Response>,
  request: Partial<Request>,
  options: AskOptions = {},
): Promise<Answered<Response>> {
  return new Promise((resolve) => {
    let requestId: string | undefined;
    const deadline = Date.now() + (options.deadlineMs ?? DEADLINE_MS);
    const call = method.call(client, request as Request, metadataOf(options), { deadline }, (error, response) =>
      resolve(error === null ? { code: 'OK', response, details: {}, requestId } : { ...readError(error), requestId }),
    );
    call.on('metadata', (metadata) => {
      requestId = metadata.get('x-openstack-request-id')[0]?.toString();
    });
  });
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
