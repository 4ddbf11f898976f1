// The resource types that Argosy's templates use, on microcloud's plain model. Each says which properties it knows and
// how one is made, removed and asked. Both ways can be repeated: what exists is not made again, what is gone stays gone.
import { isDeepStrictEqual } from 'node:util';
import { type Cloud, ResourceError } from './cloud.ts';

export interface ResourceType {
  /** Every property it knows; true: it must be given. */
  readonly properties: Readonly<Record<string, boolean>>;
  /** What Heat finds wrong before anything is made. Properties that are not known yet are undefined. */
  check?(cloud: Cloud, properties: Properties): string | undefined;
  /** The id of what will be made, where it is not a new one. */
  physicalId?(properties: Properties): string;
  /** Changes it where it is. A type without this is made anew. */
  update?(cloud: Cloud, id: string, before: Properties, after: Properties): Promise<void> | void;
  /** What a check finds wrong with it. */
  ailment?(cloud: Cloud, id: string): string | undefined;
  /** Lets go of what its replacement will need. */
  release?(cloud: Cloud, id: string): Promise<void>;
  create(cloud: Cloud, id: string, properties: Properties): Promise<void> | void;
  remove(cloud: Cloud, id: string): Promise<void> | void;
  attribute(cloud: Cloud, id: string, name: string): unknown;
}

export type Properties = Readonly<Record<string, unknown>>;

const server: ResourceType = {
  properties: {
    name: false,
    image: true,
    flavor: true,
    availability_zone: false,
    networks: true,
    config_drive: false,
    user_data_format: false,
    user_data: false,
    user_data_update_policy: false,
  },
  check(cloud, { image, flavor }) {
    if (image !== undefined && !cloud.config.images.includes(String(image)))
      return `The Image (${image}) could not be found.`;
    if (flavor !== undefined && !cloud.config.flavors.some(({ name }) => name === flavor)) {
      return `The Flavor (${flavor}) could not be found.`;
    }
    return undefined;
  },
  async create(cloud, id, properties) {
    const [network] = properties.networks as { port?: string }[];
    if (network?.port === undefined) throw new ResourceError('A server needs a port.');
    const refusal = cloud.quotaRefusal();
    if (refusal !== undefined) throw new ResourceError(`${refusal} (HTTP 403)`, { type: 'Forbidden' });
    await cloud.createServer({
      id,
      name: String(properties.name ?? id),
      zone: String(properties.availability_zone ?? cloud.config.zones[0]?.name),
      flavor: String(properties.flavor),
      image: String(properties.image),
      portId: network.port,
      userData: String(properties.user_data ?? ''),
    });
  },
  async update(cloud, id, before, after) {
    for (const name of ['image', 'availability_zone', 'networks']) {
      if (isDeepStrictEqual(before[name], after[name])) continue;
      throw new ResourceError(`microcloud does not play a change of a server's ${name}.`, { type: 'NotSupported' });
    }
    // The templates ignore changes of user data; a name means nothing here.
    if (before.flavor !== after.flavor) await cloud.resizeServer(id, String(after.flavor));
  },
  ailment(cloud, id) {
    const status = cloud.serverStatus(id);
    return status === 'ACTIVE' ? undefined : `'status': expected 'ACTIVE', got '${status}'`;
  },
  release: (cloud, id) => cloud.releaseServer(id),
  remove: (cloud, id) => cloud.deleteServer(id),
  attribute(cloud, id, name) {
    const record = cloud.server(id);
    if (name === 'name') return record?.name;
    return name === 'first_address' ? cloud.port(record?.portId ?? '')?.address : undefined;
  },
};

const port: ResourceType = {
  properties: { name: false, network: true, security_groups: false },
  check(cloud, { network }) {
    if (network === undefined || cloud.config.networks.some(({ name }) => name === network)) return undefined;
    return `Unable to find network with name or id '${network}'`;
  },
  create: (cloud, id, properties) => cloud.createPort(id, String(properties.network)),
  remove: (cloud, id) => cloud.deletePort(id),
  attribute(cloud, id, name) {
    const address = cloud.port(id)?.address;
    return name === 'fixed_ips' && address !== undefined ? [{ ip_address: address }] : undefined;
  },
};

// A process on loopback is reached by whoever is on the machine: there is nothing that a rule could shut.
const securityGroup: ResourceType = {
  properties: { name: false, description: false, rules: false },
  create: () => {},
  update: () => {},
  remove: () => {},
  attribute: () => undefined,
};

const volume: ResourceType = {
  properties: { name: false, size: true, volume_type: false },
  create: (cloud, id, properties) => cloud.createVolume(id, Number(properties.size)),
  /** Heat takes it from its server, extends it, and gives it back. */
  async update(cloud, id, before, { size }) {
    if (Number(size) === Number(before.size)) return;
    const serverId = cloud.volume(id)?.serverId ?? null;
    if (serverId !== null && Number(size) > Number(before.size)) await cloud.detachVolume(id, 'waits');
    try {
      cloud.extendVolume(id, Number(size));
    } finally {
      if (serverId !== null && cloud.volume(id)?.serverId === null) await cloud.attachVolume(id, serverId);
    }
  },
  remove: (cloud, id) => cloud.deleteVolume(id),
  attribute: (cloud, id, name) => (name === 'size' ? cloud.volume(id)?.sizeGib : undefined),
};

const attachment: ResourceType = {
  properties: { instance_uuid: true, volume_id: true, mountpoint: false },
  physicalId: (properties) => String(properties.volume_id),
  create: (cloud, id, properties) => cloud.attachVolume(id, String(properties.instance_uuid)),
  async update(cloud, id, _before, after) {
    await cloud.detachVolume(id);
    await cloud.attachVolume(id, String(after.instance_uuid));
  },
  remove: (cloud, id) => cloud.detachVolume(id),
  attribute: () => undefined,
};

export const resourceTypes: Readonly<Record<string, ResourceType>> = {
  'OS::Nova::Server': server,
  'OS::Neutron::Port': port,
  'OS::Neutron::SecurityGroup': securityGroup,
  'OS::Cinder::Volume': volume,
  'OS::Cinder::VolumeAttachment': attachment,
};
