// The configuration of each process, as plain data: what the three programs of a region are told.
import { join } from 'node:path';
import {
  executorName,
  gatewayName,
  intermediateFiles,
  leafFiles,
  openstackName,
  peerName,
  processFolder,
} from './certificates.ts';
import {
  disastersPath,
  enginesFolder,
  type HomePaths,
  lifelinePath,
  networkControlPath,
  volumesFolder,
} from './home-paths.ts';
import { endpointText, endpointUrl, keystoneUrl, type RegionLayout, type RegionName } from './layout.ts';
import type { NetworkLayout } from './network/blocks.ts';
import type { Settings } from './settings.ts';

/** Everything that the configurations are made of. */
export interface FederationPlan {
  readonly paths: HomePaths;
  readonly settings: Settings;
  readonly regions: readonly RegionLayout[];
  /** Where each region has a network of its own. */
  readonly network: NetworkLayout | undefined;
  readonly repository: string;
  readonly run: string;
  /** New at each start: servers that ran are booted again. */
  readonly bootId: string;
  readonly databaseUser: string | undefined;
  /** How often a project may ask each peer; undefined: the gateway's own limit. */
  readonly requestsPerSecond: number | undefined;
}

const DOMAIN = 'Default';
const IMAGE = 'argosy';
const NETWORK = 'argosy';
const SERVICE_USER = 'argosy';
const ZONE_SUFFIXES = ['a', 'b'] as const;
/** How many members a zone takes. */
const ZONE_CAPACITY = 20;
/** So many seconds' requests may come at once after a silence. */
const BURST_SECONDS = 4;
const FLAVOR_DISK_GIB = 8;
/** A microcloud that was killed leaves its stacks as they were; its servers boot in a second, not in minutes. */
const STUCK_AFTER_SECONDS = 20;
/** A real Heat may be silent for longer on a busy machine, and goes on. */
const OPENSTACK_STUCK_AFTER_SECONDS = 120;

/** The sizes that tenants pick, and what the stand-in regions call them. */
const FLAVORS = [
  { name: 'small', openstackFlavor: 'm1.small', vcpus: 1, memoryMib: 512 },
  { name: 'medium', openstackFlavor: 'm1.medium', vcpus: 2, memoryMib: 1024 },
  { name: 'large', openstackFlavor: 'm1.large', vcpus: 4, memoryMib: 2048 },
] as const;

/** Who runs a region, and whose law rules there. */
const OWNERS: Readonly<Record<RegionName, { readonly provider: string; readonly jurisdiction: string }>> = {
  north: { provider: 'aurora', jurisdiction: 'EU' },
  south: { provider: 'meridian', jurisdiction: 'EU' },
  west: { provider: 'pacifica', jurisdiction: 'US' },
};

const ALL_ROLES = ['admin', 'member', 'reader'];

export function regionKeyFile(paths: HomePaths, region: RegionLayout): string {
  return join(processFolder(paths, executorName(region)), 'region.key');
}

export function microcloudConfiguration(plan: FederationPlan, region: RegionLayout): unknown {
  const { paths, settings, run, bootId, databaseUser, repository } = plan;
  return {
    region: region.name,
    bind: isOpenStack(plan, region)
      ? { address: region.cloud.address, facesPort: region.cloud.port, keystoneUrl: keystoneUrl(region) }
      : { address: region.keystone.address, keystonePort: region.keystone.port, heatPort: region.heat.port },
    directory: join(paths.regions, region.name),
    volumesDirectory: join(volumesFolder(settings.dataFolder), region.name),
    runDirectory: regionRunFolder(run, region),
    bootId,
    lifeline: lifelinePath(run),
    serverCommand: ['/bin/sh', join(repository, 'images/guest.sh')],
    enginesFile: join(enginesFolder(settings.dataFolder), 'engines.json'),
    ...(databaseUser === undefined ? {} : { databaseUser }),
    zones: zoneNames(region).map((name) => ({ name, capacity: ZONE_CAPACITY })),
    flavors: FLAVORS.map(({ openstackFlavor, vcpus, memoryMib }) => ({
      name: openstackFlavor,
      vcpus,
      ram: memoryMib,
      disk: FLAVOR_DISK_GIB,
    })),
    images: [IMAGE],
    networks: [{ name: NETWORK, cidr: region.cidr, firstHost: region.firstMember }],
    ...directory(settings, region),
    catalog: [{ type: 'database', name: 'argosy', url: endpointUrl(region.rest) }],
  };
}

/** Of a region with a real Keystone and a real Heat: its microcloud is the cloud beneath them. */
export function openstackConfiguration(plan: FederationPlan, region: RegionLayout): unknown {
  const { paths, settings, run } = plan;
  const cloud = endpointUrl(region.cloud);
  return {
    region: region.name,
    directory: join(paths.regions, openstackName(region)),
    cacheDirectory: join(enginesFolder(settings.dataFolder), 'openstack'),
    keystone: region.keystone,
    heat: region.heat,
    ...directory(settings, region),
    catalog: [
      { type: 'compute', name: 'nova', url: `${cloud}/compute/v2.1` },
      { type: 'network', name: 'neutron', url: `${cloud}/network` },
      { type: 'image', name: 'glance', url: `${cloud}/image` },
      { type: 'volumev3', name: 'cinderv3', url: `${cloud}/volume/v3/%(project_id)s` },
      { type: 'database', name: 'argosy', url: endpointUrl(region.rest) },
    ],
    lifeline: lifelinePath(run),
  };
}

/** True when the region has a real Keystone and a real Heat. */
export function isOpenStack(plan: FederationPlan, region: RegionLayout): boolean {
  return plan.settings.openstack.includes(region.name);
}

/** Who may sign in, and to what. */
function directory(settings: Settings, region: RegionLayout): { readonly projects: unknown; readonly users: unknown } {
  const { projects, executorPassword } = settings.regions[region.name];
  const { passwords } = settings;
  return {
    projects: Object.entries(projects).map(([name, id]) => ({ id, name })),
    users: [
      { name: 'admin', password: passwords.admin, project: 'admin', roles: ALL_ROLES },
      { name: 'demo', password: passwords.demo, project: 'demo', roles: ['member', 'reader'] },
      { name: 'viewer', password: passwords.viewer, project: 'demo', roles: ['reader'] },
      { name: SERVICE_USER, password: executorPassword, project: 'service', roles: ['member', 'reader'] },
    ],
  };
}

export function executorConfiguration(plan: FederationPlan, region: RegionLayout): unknown {
  const { paths, settings, regions, run } = plan;
  const name = executorName(region);
  const intermediate = intermediateFiles(paths, name);
  return {
    federation: settings.federation,
    region: region.name,
    ...OWNERS[region.name],
    grpc: region.executor,
    admin: region.admin,
    ...leafFiles(paths, name),
    rootFile: paths.authority,
    intermediateCertificateFile: intermediate.certificateFile,
    intermediateKeyFile: intermediate.keyFile,
    regionKeyFile: regionKeyFile(paths, region),
    openstack: {
      authUrl: keystoneUrl(region),
      region: region.name,
      username: SERVICE_USER,
      password: settings.regions[region.name].executorPassword,
      userDomain: DOMAIN,
      projectName: 'service',
      projectDomain: DOMAIN,
      interface: 'public',
    },
    image: IMAGE,
    network: NETWORK,
    ...translations(plan, region),
    zones: zoneNames(region).map((zone) => ({ name: zone, capacity: ZONE_CAPACITY })),
    flavors: FLAVORS,
    stuckAfterSeconds: isOpenStack(plan, region) ? OPENSTACK_STUCK_AFTER_SECONDS : STUCK_AFTER_SECONDS,
    peers: regions
      .filter((other) => other.name !== region.name)
      .map((other) => ({ region: other.name, address: endpointText(other.executor) })),
    lifeline: lifelinePath(run),
  };
}

function translations({ network }: FederationPlan, region: RegionLayout): object {
  const { bound, advertised } = network?.places.find(({ name }) => name === region.name) ?? {};
  return advertised === undefined ? {} : { translations: [{ local: bound, advertised }] };
}

export function gatewayConfiguration(plan: FederationPlan, region: RegionLayout): unknown {
  const { paths, settings, regions, run, requestsPerSecond } = plan;
  // Its own region's Keystone first: that one answers when the others cannot be reached.
  const nearestFirst = [region, ...regions.filter((other) => other !== region)];
  return {
    federation: settings.federation,
    peer: { id: region.number, name: peerName(region) },
    grpc: region.gateway,
    rest: region.restListen,
    clientGrpc: region.clientGrpc,
    peers: regions.map((other) => ({ id: other.number, name: peerName(other), address: endpointText(other.gateway) })),
    dataDirectory: join(paths.peers, peerName(region)),
    ...leafFiles(paths, gatewayName(region)),
    rootFile: paths.authority,
    keystones: nearestFirst.map((other) => ({ name: other.name, url: keystoneUrl(other) })),
    regions: regions.map((other) => ({ name: other.name, executors: [endpointText(other.executor)] })),
    // Names are never matched: these projects are one tenant's because it says so here.
    projectLinks: (['demo', 'admin'] as const).map((project) =>
      regions.map((other) => ({ keystone: other.name, projectId: settings.regions[other.name].projects[project] })),
    ),
    ...(requestsPerSecond === undefined
      ? {}
      : { rateLimit: { requestsPerSecond, burst: Math.ceil(requestsPerSecond * BURST_SECONDS) } }),
    // On one machine nobody else feels it.
    drills: { control: disastersPath(run), wide: 'member' },
    ...(plan.network === undefined ? {} : { networkControl: networkControlPath(run) }),
    lifeline: lifelinePath(run),
  };
}

export function regionRunFolder(run: string, region: RegionLayout): string {
  return join(run, region.name);
}

function zoneNames(region: RegionLayout): string[] {
  return ZONE_SUFFIXES.map((suffix) => `${region.name}-${suffix}`);
}
