// The gRPC shell around the routes: the clients' API, health and reflection on a listener of its own. What is done with
// a request is the same as for HTTP (rest/answering.ts); here it is only put into gRPC's words.
import { type AddressInfo, createServer as createListener, type Server as Listener } from 'node:net';
import { addIntrospection, type Health } from '@argosy/proto/introspection';
import * as grpc from '@grpc/grpc-js';
import { type AnsweringOptions, answerRequest } from '../rest/answering.ts';
import { MAX_BODY_BYTES } from '../rest/bodies.ts';
import { ApiError } from '../rest/errors.ts';
import { EVENT_STREAM } from '../rest/events.ts';
import type { RpcMeasure } from '../rest/metrics.ts';
import type { Route, RouteResponse } from '../rest/route.ts';
import { type AnyCall, Exchange } from './exchange.ts';
import { decode, encode, Messages } from './messages.ts';
import { answerOf, type Method, methodsOf, type Parts, partsOf, readParts, refuseMessage } from './methods.ts';
import { sendFeed } from './watch.ts';

const MAX_CONNECTIONS = 1_000;
/** Calls of one connection at once. */
const MAX_STREAMS = 100;
const MAX_IDLE_MS = 300_000;
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_ANSWER_MS = 10_000;
/** How long calls may take to end when the server does. */
const CLOSE_MS = 500;

export interface GrpcServerOptions extends AnsweringOptions {
  readonly routes: readonly Route[];
  readonly monotonicMs: () => number;
  readonly now: () => Date;
  readonly measure: (call: RpcMeasure) => void;
}

interface Request {
  /** Absent for bytes that are no message. */
  readonly parts?: Parts;
}

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #messages = new Messages();
  readonly #server: grpc.Server;
  readonly #health: Health;
  readonly #listener: Listener;

  private constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#server = new grpc.Server({
      'grpc.max_receive_message_length': MAX_BODY_BYTES,
      'grpc.max_concurrent_streams': MAX_STREAMS,
      'grpc.max_connection_idle_ms': MAX_IDLE_MS,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_ANSWER_MS,
    });
    for (const method of methodsOf(this.#messages, options.routes)) this.#add(method);
    this.#health = addIntrospection(
      this.#server,
      this.#messages.services().map(({ typeName }) => typeName),
    );
    const injector = this.#server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
    this.#listener = createListener((socket) => injector.injectConnection(socket.setNoDelay()));
    this.#listener.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws Error when the port cannot be had */
  static async listen(
    { address, port }: { readonly address: string; readonly port: number },
    options: GrpcServerOptions,
  ): Promise<GrpcServer> {
    const server = new GrpcServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#listener.once('error', reject);
      server.#listener.listen(port, address, resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** What the health service tells. */
  setServing(isServing: boolean): void {
    this.#health.setServing(isServing);
  }

  /** Takes no more calls, and gives those that are under way a moment. */
  async close(): Promise<void> {
    this.#health.setServing(false);
    this.#listener.close();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#server.forceShutdown();
  }

  #add(method: Method): void {
    const { description, path, route } = method;
    const isStream = description.methodKind === 'server_streaming';
    const definition = {
      ...{ path, requestStream: false, responseStream: isStream },
      requestSerialize: ({ parts }: Request) => encode(description.input, { ...parts?.body }),
      // What is thrown here would be told as a fault of ours.
      requestDeserialize: (bytes: Buffer): Request => {
        try {
          return { parts: partsOf(route, decode(description.input, bytes)) };
        } catch {
          return {};
        }
      },
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    };
    const implementation = isStream
      ? (call: grpc.ServerWritableStream<Request, Buffer>) => void this.#stream(method, call)
      : (call: grpc.ServerUnaryCall<Request, Buffer>, callback: grpc.sendUnaryData<Buffer>) =>
          void this.#unary(method, call, callback);
    this.#server.addService({ [description.name]: definition }, { [description.name]: implementation });
  }

  async #unary(
    method: Method,
    call: grpc.ServerUnaryCall<Request, Buffer>,
    callback: grpc.sendUnaryData<Buffer>,
  ): Promise<void> {
    const exchange = this.#begin(method, call);
    await exchange.end(
      async () => {
        const response = await this.#ask(method, call, exchange, 'application/json');
        const refusal = exchange.refusal(response);
        if (refusal !== undefined) callback(refusal);
        else callback(null, encode(method.description.output, answerOf(response)));
      },
      (status) => callback(status),
    );
  }

  async #stream(method: Method, call: grpc.ServerWritableStream<Request, Buffer>): Promise<void> {
    const exchange = this.#begin(method, call);
    await exchange.end(
      async () => {
        const { feed } = await this.#ask(method, call, exchange, EVENT_STREAM);
        if (feed === undefined) throw new Error(`${method.path} answered no feed.`);
        await sendFeed(feed, call, (notice) => encode(method.description.output, { ...notice }));
        const message = 'This peer stops. Go on at another, after the last event.';
        if (!call.cancelled) throw new ApiError('peer.stopping', message);
      },
      (status) => call.emit('error', status),
    );
  }

  #begin(method: Method, call: AnyCall): Exchange {
    return new Exchange(method, call, this.#messages, this.#options);
  }

  #ask(
    method: Method,
    { metadata, request }: AnyCall & { readonly request: Request },
    exchange: Exchange,
    accept: string,
  ): Promise<RouteResponse> {
    const { requestId, signal, onCaller } = exchange;
    const { parts } = request;
    const asked = {
      ...{ requestId, signal, onCaller, accept },
      token: metadata.get('x-auth-token').join(', '),
      parameters: parts?.parameters ?? {},
      query: parts?.query ?? {},
      header: (name: string) => parts?.headers[name] ?? '',
      body: () => (parts === undefined ? refuseMessage(method) : readParts(method.route, parts)),
    };
    return answerRequest(method.route, asked, this.#options);
  }
}
