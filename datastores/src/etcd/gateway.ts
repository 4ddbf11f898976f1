// One call of etcd's API, by the HTTP gateway that every server has: JSON in, JSON out, keys and values in base64.
import { request as requestInClear } from 'node:http';
import { request } from 'node:https';
import { checkServerIdentity } from 'node:tls';
import { DriverError } from '../driver.ts';

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** Where a server is. The members of a cluster share the common name of their certificates. */
export type ServerPlace =
  | { readonly kind: 'socket'; readonly path: string }
  | {
      readonly kind: 'tls';
      readonly address: string;
      readonly port: number;
      readonly root: string;
      /** Of which it must be; absent: whichever the root vouches for. */
      readonly clusterId?: string;
    };

export interface Call {
  readonly path: string;
  readonly body: object;
  readonly token?: string | undefined;
  readonly timeoutMs: number;
}

export type Answer = Readonly<Record<string, unknown>>;

/** What etcd answers instead: its message, and the gRPC status. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** gRPC's, which etcd gives for a token that it does not know (any more). */
export const UNAUTHENTICATED = 16;
export const UNAVAILABLE = 14;

/** @throws EtcdError; DriverError `unavailable` when nobody answers in time */
export function callServer(place: ServerPlace, { path, body, token, timeoutMs }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(new DriverError('unavailable', `etcd does not answer: ${error.message}`, { cause: error }));
    };
    const text = JSON.stringify(body);
    const options = {
      ...{ method: 'POST', path: `/v3/${path}`, signal: AbortSignal.timeout(timeoutMs) },
      headers: {
        ...{ 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
        ...(token === undefined ? {} : { authorization: token }),
      },
    };
    const sent =
      place.kind === 'socket'
        ? requestInClear({ ...options, socketPath: place.path })
        : request({ ...options, ...secure(place) });
    sent.on('error', fail);
    sent.on('response', (response) => {
      let told = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        told += chunk;
        if (told.length > MAX_ANSWER_BYTES) sent.destroy(new Error('the answer is too long'));
      });
      response.on('error', fail);
      response.on('end', () => {
        try {
          const answer = JSON.parse(told) as Answer;
          if (response.statusCode === 200) resolve(answer);
          else reject(new EtcdError(Number(answer.code ?? 0), String(answer.message ?? told)));
        } catch (error) {
          fail(error as Error);
        }
      });
    });
    sent.end(text);
  });
}

function secure({ address, port, root, clusterId }: Extract<ServerPlace, { kind: 'tls' }>) {
  return {
    ...{ host: address, port, ca: root, agent: false as const },
    checkServerIdentity: (host: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      clusterId === undefined || certificate.subject.CN === clusterId
        ? checkServerIdentity(host, certificate)
        : new Error(`The server at ${host} is of cluster ${String(certificate.subject.CN)}.`),
  };
}

export function encoded(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
