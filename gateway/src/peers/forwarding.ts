// A write that reaches a follower is executed by the leader: the follower has matched the route and verified the caller,
// and says so over mutual TLS. The leader's answer goes back as it is.

import {
  type Clock,
  type Credentials,
  callUnary,
  channelCredentials,
  channelOptions,
  type ForwardRequest,
  type ForwardResponse,
  type HeardMember,
  type MeasuredWay,
  PeerServiceClient,
  type PeerServiceServer,
  serverName,
} from '@argosy/proto';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import * as grpc from '@grpc/grpc-js';
import { ApiError, errorBody } from '../rest/errors.ts';
import type { Route, RouteRequest, RouteResponse } from '../rest/route.ts';

const FORWARD_TIMEOUT_MS = 15_000;
/** What was heard is worth no longer wait than this. */
const HEAR_TIMEOUT_MS = 500;

export interface PeerAddress {
  readonly id: number;
  readonly name: string;
  readonly address: string;
}

export interface ForwardingOptions {
  readonly federation: string;
  readonly peers: readonly PeerAddress[];
  readonly credentials: Credentials;
  readonly clock: Clock;
}

/** Passes requests to other peers. */
export class Forwarding {
  readonly #clients: ReadonlyMap<number, PeerServiceClient>;
  readonly #clock: Clock;

  constructor({ federation, peers, credentials, clock }: ForwardingOptions) {
    this.#clock = clock;
    const channel = channelCredentials(credentials);
    this.#clients = new Map(
      peers.map(({ id, name, address }) => {
        const options = channelOptions(serverName({ kind: 'gateway', federation, peer: name }));
        return [id, new PeerServiceClient(address, channel, options)];
      }),
    );
  }

  /** @throws ApiError leader.unknown when the leader surely has not executed it, leader.lost when it may have. */
  async send(leaderId: number, route: Route, request: RouteRequest): Promise<RouteResponse> {
    const client = this.#clients.get(leaderId);
    if (client === undefined) throw new ApiError('leader.unknown', 'There is no leader at the moment. Try again.');
    const deadline = new Date(this.#clock.now().getTime() + FORWARD_TIMEOUT_MS);
    try {
      const response = await callUnary(client.forward.bind(client), encode(route, request), { deadline });
      return { status: response.status, headers: response.headers, body: JSON.parse(response.body.toString('utf8')) };
    } catch (error) {
      const message =
        'The leader was lost while it executed the request, which may or may not have happened. Look before you repeat it.';
      throw new ApiError('leader.lost', message, { cause: error });
    }
  }

  /** What the leader heard last of these clusters' members; nothing when it does not answer at once. */
  async hear(leaderId: number, clusterIds: readonly string[]): Promise<readonly HeardMember[]> {
    const client = this.#clients.get(leaderId);
    if (client === undefined) return [];
    const deadline = new Date(this.#clock.now().getTime() + HEAR_TIMEOUT_MS);
    try {
      const asked = { clusterIds: [...clusterIds], ways: false };
      return (await callUnary(client.hear.bind(client), asked, { deadline })).members;
    } catch {
      return [];
    }
  }

  /** What the regions have measured between each other, as the leader knows it; nothing when it does not answer at once. */
  async ways(leaderId: number): Promise<readonly MeasuredWay[]> {
    const client = this.#clients.get(leaderId);
    if (client === undefined) return [];
    const deadline = new Date(this.#clock.now().getTime() + HEAR_TIMEOUT_MS);
    try {
      return (await callUnary(client.hear.bind(client), { clusterIds: [], ways: true }, { deadline })).ways;
    } catch {
      return [];
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}

/** The leader's side. `execute` refuses when this peer leads no more. */
export function peerService(
  routes: readonly Route[],
  execute: (route: Route, request: RouteRequest) => Promise<RouteResponse>,
  hearing: { heard(clusterIds: readonly string[]): HeardMember[]; ways(): MeasuredWay[] },
): PeerServiceServer {
  return {
    hear: ({ request }, callback) =>
      callback(null, { members: hearing.heard(request.clusterIds), ways: request.ways ? hearing.ways() : [] }),
    forward: (call: ServerUnaryCall<ForwardRequest, ForwardResponse>, callback: sendUnaryData<ForwardResponse>) => {
      const route = routes.find(({ name }) => name === call.request.route);
      const { caller } = call.request;
      if (route === undefined || caller === undefined) {
        callback({ code: grpc.status.UNIMPLEMENTED, details: `This peer knows no route ${call.request.route}.` });
        return;
      }
      void executeForwarded(route, decode(call.request, caller), execute).then(
        (response) => callback(null, response),
        (error: unknown) => callback({ code: grpc.status.INTERNAL, details: String(error) }),
      );
    },
  };
}

async function executeForwarded(
  route: Route,
  request: RouteRequest,
  execute: (route: Route, request: RouteRequest) => Promise<RouteResponse>,
): Promise<ForwardResponse> {
  const response = await execute(route, request).catch((error: unknown): RouteResponse => {
    if (!(error instanceof ApiError)) throw error;
    return { status: error.status, headers: error.headers, body: errorBody(error, request.requestId) };
  });
  return {
    status: response.status,
    headers: { ...response.headers },
    body: Buffer.from(JSON.stringify(response.body ?? {})),
  };
}

function encode(route: Route, request: RouteRequest): ForwardRequest {
  return {
    caller: { ...request.caller, roles: [...request.caller.roles] },
    requestId: request.requestId,
    route: route.name,
    parameters: { ...request.parameters },
    query: { ...request.query },
    headers: Object.fromEntries(
      Object.entries(request.headers).filter((pair): pair is [string, string] => pair[1] !== undefined),
    ),
    body: request.body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(request.body)),
  };
}

function decode(request: ForwardRequest, caller: NonNullable<ForwardRequest['caller']>): RouteRequest {
  const { requestId, route, parameters, query, headers, body } = request;
  return {
    caller,
    requestId,
    route,
    headers,
    parameters,
    query,
    body: body.length === 0 ? undefined : (JSON.parse(body.toString('utf8')) as unknown),
  };
}
