// How etcd's server is started: what it is told, in arguments alone.
import { join } from 'node:path';
import type { DriverOptions, Program } from '../driver.ts';
import { hostAndPort } from '../host-and-port.ts';
import type { ParameterValues } from '../parameters.ts';
import { PlainServer } from '../plain-server.ts';
import { PEER_PORT } from './definition.ts';
import type { Layout } from './layout.ts';

export const PROGRAM = 'etcd';

/** How the server comes to its place among the engine's own; of no effect once it has data. */
export interface Place {
  readonly cluster: string;
}

export function etcdServer(options: DriverOptions, layout: Layout): PlainServer {
  const complaints = /"level":"(error|fatal|panic)"|panic: /;
  return new PlainServer({ options, layout, program: PROGRAM, complaints });
}

export function serverProgram(
  options: DriverOptions,
  layout: Layout,
  { parameters, place }: { readonly parameters: ParameterValues; readonly place?: Place | undefined },
): Program {
  return {
    path: join(options.engine.bin, PROGRAM),
    arguments: serverArguments(options, layout, { parameters, place }),
    folder: layout.data,
    environment: environmentOf(options),
  };
}

export function peerUrlOf({ address }: { readonly address: string }): string {
  return `https://${hostAndPort(address, PEER_PORT)}`;
}

export function environmentOf({ engine }: DriverOptions): Record<string, string> {
  return { LC_ALL: 'C.UTF-8', ...(engine.libraryPath === null ? {} : { LD_LIBRARY_PATH: engine.libraryPath }) };
}

function serverArguments(
  { clusterId, memberId, address, port }: DriverOptions,
  layout: Layout,
  { parameters, place }: { readonly parameters: ParameterValues; readonly place: Place | undefined },
): string[] {
  const client = `https://${hostAndPort(address, port)}`;
  const peer = peerUrlOf({ address });
  const options: Record<string, string> = {
    ...{ name: memberId, 'data-dir': layout.data, logger: 'zap', 'log-outputs': 'stderr' },
    ...{ 'listen-client-urls': client, 'advertise-client-urls': client },
    ...{ 'cert-file': layout.certificateFile, 'key-file': layout.keyFile },
    ...{ 'listen-peer-urls': peer, 'initial-advertise-peer-urls': peer },
    ...{ 'peer-cert-file': layout.certificateFile, 'peer-key-file': layout.keyFile },
    ...{ 'peer-client-cert-auth': 'true', 'peer-trusted-ca-file': layout.rootFile },
    // Every member of every cluster has a certificate of this root; those of a cluster share its name. Where a connection
    // comes from proves nothing: it may be translated.
    ...{ 'peer-cert-allowed-cn': clusterId, 'experimental-peer-skip-client-san-verification': 'true' },
    ...{ 'initial-cluster-token': clusterId, 'initial-cluster-state': 'existing' },
    ...(place === undefined ? {} : { 'initial-cluster': place.cluster }),
    ...parameters,
  };
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`);
}
