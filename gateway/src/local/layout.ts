// Where everything of a local federation listens. Each federation has a slot of its own, and in it each region a block
// of loopback addresses, so that several federations run side by side with the same ports.

/** The regions of a local federation, in the order of their gateway peers. */
export const REGION_NAMES = ['north', 'south', 'west'] as const;
export type RegionName = (typeof REGION_NAMES)[number];

/** 127.x: four blocks a slot, of which the regions use the last three; the last slot ends at 127.251. */
export const SLOT_COUNT = 63;
const BLOCKS_PER_SLOT = 4;

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
const POSTGRESQL_PORT = 5432;

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
  readonly rest: Endpoint;
  /** Where clients reach the gateway peer by gRPC. */
  readonly clientGrpc: Endpoint;
  readonly executor: Endpoint;
  readonly admin: Endpoint;
  readonly keystone: Endpoint;
  readonly heat: Endpoint;
  readonly cloud: Endpoint;
}

/** The addresses of a federation's regions. */
export function layOut(slot: number, portBase: number): readonly RegionLayout[] {
  return REGION_NAMES.map((name, index) => {
    const number = index + 1;
    const block = `127.${BLOCKS_PER_SLOT * slot + number}.0`;
    const at = (host: number, port: number): Endpoint => ({ address: `${block}.${host}`, port });
    return {
      name,
      number,
      cidr: `${block}.0/16`,
      firstMember: `${block}.${FIRST_MEMBER_HOST}`,
      gateway: at(2, GATEWAY_PORT),
      rest: { address: '127.0.0.1', port: portBase + index },
      clientGrpc: at(2, CLIENT_GRPC_PORT),
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

/** Every address that must be free before a federation starts. */
export function neededEndpoints(regions: readonly RegionLayout[]): readonly Endpoint[] {
  return regions.flatMap((region) => {
    const prefix = region.firstMember.slice(0, region.firstMember.lastIndexOf('.'));
    const hosts = Array.from({ length: CHECKED_MEMBERS }, (_, index) => FIRST_MEMBER_HOST + index);
    const members = hosts.flatMap((host) =>
      [AGENT_PORT, POSTGRESQL_PORT].map((port) => ({ address: `${prefix}.${host}`, port })),
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
