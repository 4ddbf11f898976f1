// The executor's gRPC face: mutual TLS, and no caller but the federation's gateway peers.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import {
  type Authorise,
  accessControl,
  type Credentials,
  type ExecutorServiceServer,
  ExecutorServiceService,
  RenewableServerCredentials,
} from '@argosy/proto';
import * as grpc from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';

const SERVICE = 'argosy.region.v1.ExecutorService';
const OPEN_METHODS = [
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/List',
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
];

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
  const open = OPEN_METHODS.map((path): readonly [string, Authorise] => [
    path,
    (caller) => caller.federation === options.federation,
  ]);
  const server = new grpc.Server({ interceptors: [accessControl(Object.fromEntries([...ours, ...open]))] });
  server.addService(ExecutorServiceService, service);
  const health = new HealthImplementation({ '': 'SERVING', [SERVICE]: 'SERVING' });
  health.addToServer(server);
  addReflection(server);
  const credentials = new RenewableServerCredentials(options.own);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${options.address}:${options.port}`, credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, renew: (own) => credentials.renew(own), close: () => server.forceShutdown() };
}

/** Tells clients without our .proto files what can be called. */
function addReflection(server: grpc.Server): void {
  const proto = createRequire(import.meta.url).resolve('@argosy/proto');
  const descriptors = readFileSync(new URL('../src/generated/descriptors.binpb', pathToFileURL(proto)));
  new ReflectionService(loadFileDescriptorSetFromBuffer(descriptors)).addToServer(server);
}
