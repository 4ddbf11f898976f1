// Mutual TLS for gRPC: both ends show a certificate of the federation, and each method states which identities may
// call it. Addresses are dialled, names are verified.
import * as grpc from '@grpc/grpc-js';
import type { KeyPair } from './certificates.ts';
import { certificateIdentity, type Identity } from './identity.ts';

/** What a process needs to speak: its certificate chain and key, and the root that it trusts. PEM. */
export interface Credentials extends KeyPair {
  readonly root: string;
}

/** True when this caller may call the method. */
export type Authorise = (caller: Identity) => boolean;

/** One rule for each full method name (`/package.Service/Method`); a method that is not named is refused to everyone. */
export type AccessTable = Readonly<Record<string, Authorise>>;

const KEEPALIVE = { 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 5_000 } as const;

/** Credentials of a server that accepts only callers with a certificate of the federation. */
export function serverCredentials(own: Credentials): grpc.ServerCredentials {
  const pair = { cert_chain: Buffer.from(own.certificate), private_key: Buffer.from(own.key) };
  return grpc.ServerCredentials.createSsl(Buffer.from(own.root), [pair], true);
}

/** Those of a server whose certificate is replaced while it serves: connections that stand are not touched. */
export class RenewableServerCredentials extends grpc.ServerCredentials {
  constructor(own: Credentials) {
    super({ requestCert: true }, { ca: own.root, cert: own.certificate, key: own.key });
  }

  renew(own: Credentials): void {
    this.updateSecureContextOptions({ ca: own.root, cert: own.certificate, key: own.key });
  }

  override _equals(other: grpc.ServerCredentials): boolean {
    return this === other;
  }
}

/** Credentials of a client that verifies the server against the federation's root. */
export function channelCredentials(own: Credentials): grpc.ChannelCredentials {
  return grpc.credentials.createSsl(Buffer.from(own.root), Buffer.from(own.key), Buffer.from(own.certificate));
}

/** Options with which an address is dialled and `serverName` is verified. */
export function channelOptions(serverName: string): grpc.ChannelOptions {
  return {
    'grpc.ssl_target_name_override': serverName,
    'grpc.default_authority': serverName,
    ...KEEPALIVE,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
  };
}

/** The identity of a call's other end; undefined when its certificate proves none. */
export function callerIdentity(
  call: Pick<grpc.ServerUnaryCall<unknown, unknown>, 'getAuthContext'>,
): Identity | undefined {
  return certificateIdentity(call.getAuthContext().sslPeerCertificate);
}

/** Refuses every call whose caller the table does not admit, with PERMISSION_DENIED. */
export function accessControl(table: AccessTable): grpc.ServerInterceptor {
  return (method, call) =>
    new grpc.ServerInterceptingCall(call, {
      start: (next) => {
        const caller = certificateIdentity(call.getAuthContext().sslPeerCertificate);
        next({
          onReceiveMetadata: (metadata, nextMetadata) => {
            if (caller !== undefined && table[method.path]?.(caller) === true) {
              nextMetadata(metadata);
              return;
            }
            const details = `${caller === undefined ? 'A caller without an identity' : describe(caller)} may not call ${method.path}.`;
            call.sendStatus({ code: grpc.status.PERMISSION_DENIED, details });
          },
        });
      },
    });
}

/** Calls a unary method with a deadline. `method` is the client's, bound. @throws grpc.ServiceError */
export function callUnary<Request, Response>(
  method: (
    request: Request,
    metadata: grpc.Metadata,
    options: Partial<grpc.CallOptions>,
    callback: (error: grpc.ServiceError | null, response: Response) => void,
  ) => grpc.ClientUnaryCall,
  request: Request,
  options: { readonly deadline: Date; readonly signal?: AbortSignal },
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call = method(request, new grpc.Metadata(), { deadline: options.deadline }, (error, response) => {
      options.signal?.removeEventListener('abort', cancel);
      if (error) reject(error);
      else resolve(response);
    });
    const cancel = (): void => call.cancel();
    if (options.signal?.aborted) cancel();
    else options.signal?.addEventListener('abort', cancel, { once: true });
  });
}

function describe(identity: Identity): string {
  switch (identity.kind) {
    case 'gateway':
      return `Gateway peer ${identity.peer}`;
    case 'executor':
      return `The executor of ${identity.region}`;
    case 'member':
      return `Member ${identity.memberId}`;
  }
}
