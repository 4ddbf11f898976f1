// federation.json: who runs where, for the command line and for scripts.
import { executorName, gatewayName, microcloudName, openstackName } from './certificates.ts';
import { PUBLIC_FILE, writeJson } from './folders.ts';
import { endpointText, endpointUrl, keystoneUrl, type RegionLayout } from './layout.ts';
import type { NetworkLayout } from './network/blocks.ts';

export interface FederationFile {
  readonly path: string;
  readonly federation: string;
  readonly slot: number;
  readonly regions: readonly RegionLayout[];
  readonly authority: string;
  readonly pidOf: (process: string) => number | undefined;
  /** Where faults of the network are asked for, and the namespaces; absent: there are none. */
  readonly network: { readonly control: string; readonly layout: NetworkLayout } | undefined;
}

function networkView({ control, layout }: NonNullable<FederationFile['network']>): unknown {
  return {
    control,
    router: layout.router.namespace,
    places: layout.places.map(({ name, namespace, cidr }) => ({ name, namespace, cidr })),
  };
}

/** Writes it as things are now. */
export function writeFederationFile(file: FederationFile): void {
  const { regions, pidOf } = file;
  const content = {
    federation: file.federation,
    slot: file.slot,
    pid: process.pid,
    peers: regions.map((region) => ({
      id: region.number,
      rest: endpointUrl(region.rest),
      grpc: endpointText(region.clientGrpc),
      peer_grpc: endpointText(region.gateway),
      pid: pidOf(gatewayName(region)) ?? null,
    })),
    regions: regions.map((region) => ({
      name: region.name,
      admin: endpointUrl(region.admin),
      grpc: endpointText(region.executor),
      identity: keystoneUrl(region),
      orchestration: endpointUrl(region.heat),
      pid: pidOf(executorName(region)) ?? null,
      microcloud_pid: pidOf(microcloudName(region)) ?? null,
      openstack_pid: pidOf(openstackName(region)) ?? null,
    })),
    ca: file.authority,
    network: file.network === undefined ? null : networkView(file.network),
  };
  writeJson(file.path, content, PUBLIC_FILE);
}
