// The HTTP server under the routes: how long a client may take, how much it may send before it is understood, and what
// it is told when it never is. Koa sees only what passed here.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { MAX_BODY_BYTES } from './bodies.ts';
import { ApiError, errorBody } from './errors.ts';

export interface ConnectionLimits {
  /** For all headers of a request to come. */
  readonly headersMs: number;
  /** For the whole request to come. */
  readonly requestMs: number;
  /** Between two requests of a connection. */
  readonly keepAliveMs: number;
  /** How often the above are looked after. */
  readonly checkMs: number;
  /** Of the request line and all headers. */
  readonly headerBytes: number;
  readonly connections: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 65_000,
  checkMs: 1_000,
  headerBytes: 16 * 1024,
  connections: 4_000,
};

/** How long, and for how much, a client that was refused may go on sending until it looks at its answer. */
const LINGER_MS = 2_000;
const LINGER_BYTES = 16 * 1024 * 1024;

export function createConnections(
  handle: RequestListener,
  newRequestId: () => string,
  limits: ConnectionLimits = CONNECTION_LIMITS,
): Server {
  const answers = new WeakMap<Duplex, ServerResponse>();
  const listen = (request: IncomingMessage, response: ServerResponse): void => {
    answers.set(request.socket, response);
    response.once('close', () => discardRest(request));
    handle(request, response);
  };
  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: limits.checkMs,
      maxHeaderSize: limits.headerBytes,
    },
    listen,
  );
  server.maxConnections = limits.connections;
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // Who asks before it sends a body that is too large is told so in time.
    if (Number(request.headers['content-length'] ?? 0) <= MAX_BODY_BYTES) response.writeContinue();
    listen(request, response);
  });
  // Any other expectation may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', listen);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const isAnswered = answers.get(socket)?.headersSent === true && answers.get(socket)?.writableFinished === false;
    if (!socket.writable || isAnswered || error.code === 'ECONNRESET') socket.destroy();
    else socket.end(rawAnswer(refusalOf(error, limits), newRequestId()), () => socket.destroy());
  });
  return server;
}

/** A client that is still sending when it is answered would lose the answer if the connection were cut at once. */
function discardRest(request: IncomingMessage): void {
  if (request.complete || request.socket.destroyed) return;
  const { socket } = request;
  let remaining = LINGER_BYTES;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  request.on('error', () => socket.destroy());
  request.on('data', (chunk: Buffer) => {
    remaining -= chunk.length;
    if (remaining < 0) socket.destroy();
  });
  request.once('close', () => clearTimeout(timer));
}

function refusalOf({ code }: NodeJS.ErrnoException, limits: ConnectionLimits): ApiError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new ApiError('request.headers_too_large', `The headers are larger than ${limits.headerBytes} bytes.`);
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new ApiError('request.too_slow', 'The request did not come in time.');
  }
  return new ApiError('request.malformed', `This is not HTTP/1.1 (${code ?? 'no code'}).`);
}

function rawAnswer(error: ApiError, requestId: string): string {
  const body = JSON.stringify(errorBody(error, requestId));
  return [
    `HTTP/1.1 ${error.status} ${error.code}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-openstack-request-id: ${requestId}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
