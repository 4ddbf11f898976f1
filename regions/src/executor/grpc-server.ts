// The executor's gRPC face: mutual TLS, and no caller but the federation's gateway peers.
import {
  type Authorise,
  accessControl,
  type Credentials,
  type ExecutorServiceServer,
  ExecutorServiceService,
  RenewableServerCredentials,
} from '@argosy/proto';
import { addIntrospection, INTROSPECTION_METHODS } from '@argosy/proto/introspection';
import * as grpc from '@grpc/grpc-js';

const SERVICE = 'argosy.region.v1.ExecutorService';

export interface GrpcFace {
  readonly port: number;
  /** Shows this certificate to new callers. */
  renew(own: Credentials): void;
  close(): void;
}

export async function serveGrpc(
  service: ExecutorServiceServer,
  options: { readonly federation: string; readonly own: Credentials; readonly address: string; readonly port: number },
): Promise<GrpcFace> {
  const isGateway: Authorise = (caller) => caller.kind === 'gateway' && caller.federation === options.federation;
  const ours = Object.values(ExecutorServiceService).map((method) => [method.path, isGateway] as const);
  const open = INTROSPECTION_METHODS.map((path): readonly [string, Authorise] => [
    path,
    (caller) => caller.federation === options.federation,
  ]);
  const server = new grpc.Server({ interceptors: [accessControl(Object.fromEntries([...ours, ...open]))] });
  server.addService(ExecutorServiceService, service);
  addIntrospection(server, [SERVICE]);
  const credentials = new RenewableServerCredentials(options.own);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${options.address}:${options.port}`, credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, renew: (own) => credentials.renew(own), close: () => server.forceShutdown() };
}
