// Where everything of a local federation listens. Each federation has a slot of its own, and in it each region a block
// of loopback addresses, so that several federations run side by side with the same ports. A federation whose regions
// have networks of their own has its addresses there; only the slot's door and REST are on loopback as ever.
import { demoDatastore } from './demo-datastore.ts';
import { blockOf, gatewayHost, layOutNetwork, type NetworkLayout } from './network/blocks.ts';

/** The regions of a local federation, in the order of their gateway peers. */
export const REGION_NAMES = ['north', 'south', 'west'] as const;
export type RegionName = (typeof REGION_NAMES)[number];

/** 127.x: four blocks a slot, of which the regions use the last three; the last slot ends at 127.251. */
export const SLOT_COUNT = 63;
const BLOCKS_PER_SLOT = 4;
const LOOPBACK_BITS = 16;
/** Half of the region's block: the other half is for what it may be called from outside. */
const NETWORKED_BITS = 25;

export const DEFAULT_PORT_BASE = 8779;
const SLOT_PORT = 8789;
const GATEWAY_PORT = 8790;
const AGENT_PORT = 8791;
const EXECUTOR_PORT = 8792;
const ADMIN_PORT = 8793;
const CLIENT_GRPC_PORT = 8794;
const KEYSTONE_PORT = 8795;
const HEAT_PORT = 8796;
/** Of Nova, Neutron, Glance and Cinder, where a real Heat asks for them. */
const CLOUD_PORT = 8797;

/** The last byte of the first member's address. */
const FIRST_MEMBER_HOST = 10;
/** As many member addresses are looked at before the start. */
const CHECKED_MEMBERS = 8;

/** A TCP address. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface RegionLayout {
  readonly name: RegionName;
  /** 1, 2, 3: its gateway peer's number too. */
  readonly number: number;
  readonly cidr: string;
  readonly firstMember: string;
  readonly gateway: Endpoint;
  /** Where REST is asked. */
  readonly rest: Endpoint;
  /** Where its gateway peer listens for REST: the same, unless it is in a namespace. */
  readonly restListen: Endpoint;
  /** Where clients reach the gateway peer by gRPC. */
  readonly clientGrpc: Endpoint;
  readonly executor: Endpoint;
  readonly admin: Endpoint;
  readonly keystone: Endpoint;
  readonly heat: Endpoint;
  readonly cloud: Endpoint;
}

/** The addresses of a federation's regions; `isNetworked`: each has a network of its own. */
export function layOut(slot: number, portBase: number, isNetworked = false): readonly RegionLayout[] {
  return REGION_NAMES.map((name, index) => {
    const number = index + 1;
    const block = isNetworked ? blockOf(slot, number) : `127.${BLOCKS_PER_SLOT * slot + number}.0`;
    const at = (host: number, port: number): Endpoint => ({ address: `${block}.${host}`, port });
    const atGateway = (host: number, port: number): Endpoint =>
      isNetworked ? { address: `${blockOf(slot, 0)}.${gatewayHost(number, host)}`, port } : at(host, port);
    const rest = { address: '127.0.0.1', port: portBase + index };
    return {
      name,
      number,
      cidr: `${block}.0/${isNetworked ? NETWORKED_BITS : LOOPBACK_BITS}`,
      firstMember: `${block}.${FIRST_MEMBER_HOST}`,
      gateway: atGateway(2, GATEWAY_PORT),
      rest,
      restListen: isNetworked ? atGateway(2, rest.port) : rest,
      clientGrpc: atGateway(2, CLIENT_GRPC_PORT),
      executor: at(3, EXECUTOR_PORT),
      admin: at(3, ADMIN_PORT),
      keystone: at(4, KEYSTONE_PORT),
      heat: at(4, HEAT_PORT),
      cloud: at(4, CLOUD_PORT),
    };
  });
}

/** Whoever listens here holds the slot; the kernel takes it back when the process ends. */
export function slotDoor(slot: number): Endpoint {
  return { address: `127.${BLOCKS_PER_SLOT * slot + 1}.0.1`, port: SLOT_PORT };
}

/** The network of its own, where it has one. */
export function networkOf(
  slot: number,
  isNetworked: boolean,
  translated: readonly RegionName[] = [],
): NetworkLayout | undefined {
  if (!isNetworked) return undefined;
  return layOutNetwork(
    slot,
    REGION_NAMES.map((name, index) => ({ name, number: index + 1, isTranslated: translated.includes(name) })),
  );
}

/** Every address that must be free before a federation starts. A network that is made anew has nothing on it. */
export function neededEndpoints(regions: readonly RegionLayout[], isNetworked: boolean): readonly Endpoint[] {
  if (isNetworked) return regions.map(({ rest }) => rest);
  return regions.flatMap((region) => {
    const prefix = region.firstMember.slice(0, region.firstMember.lastIndexOf('.'));
    const hosts = Array.from({ length: CHECKED_MEMBERS }, (_, index) => FIRST_MEMBER_HOST + index);
    const members = hosts.flatMap((host) =>
      [AGENT_PORT, demoDatastore().port].map((port) => ({ address: `${prefix}.${host}`, port })),
    );
    const { rest, clientGrpc, gateway, executor, admin, keystone, heat, cloud } = region;
    return [rest, clientGrpc, gateway, executor, admin, keystone, heat, cloud, ...members];
  });
}

/** `address:port` */
export function endpointText(endpoint: Endpoint): string {
  return `${endpoint.address}:${endpoint.port}`;
}

export function endpointUrl(endpoint: Endpoint): string {
  return `http://${endpointText(endpoint)}`;
}

/** A region's Keystone, as clients are told of it. */
export function keystoneUrl(region: RegionLayout): string {
  return `${endpointUrl(region.keystone)}/v3`;
}
