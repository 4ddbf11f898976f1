// The resource types that Argosy's templates use, on microcloud's plain model. Each says which properties it knows and
// how one is made, removed and asked. Both ways can be repeated: what exists is not made again, what is gone stays gone.
import { isDeepStrictEqual } from 'node:util';
import { ResourceError } from './cloud.ts';
import type { ResourceType } from './resource-type.ts';
import { unplayedTypes } from './unplayed-types.ts';

/** The only one there is. */
export const VOLUME_TYPE = 'folder';

/** As Heat tells that a service does not have what a property names. */
function invalid(property: string, value: unknown, why: string): string {
  return `${property}: Error validating value '${value}': ${why}`;
}

const server: ResourceType = {
  properties: {
    name: false,
    image: true,
    flavor: true,
    availability_zone: false,
    scheduler_hints: false,
    networks: true,
    config_drive: false,
    user_data_format: false,
    user_data: false,
    user_data_update_policy: false,
  },
  check(cloud, { image, flavor }) {
    if (image !== undefined && !cloud.config.images.includes(String(image)))
      return invalid('image', image, `No images matching {'name': '${image}'}.`);
    if (flavor !== undefined && !cloud.config.flavors.some(({ name }) => name === flavor)) {
      return invalid('flavor', flavor, `No Flavor matching {'name': '${flavor}'}. (HTTP 404)`);
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
      ...groupOf(properties.scheduler_hints),
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
  attributes: ['name', 'first_address'],
  attribute(cloud, id, name) {
    const record = cloud.server(id);
    if (name === 'name') return record?.name;
    return name === 'first_address' ? cloud.port(record?.portId ?? '')?.address : undefined;
  },
};

function groupOf(hints: unknown): { readonly group?: string } {
  const { group } = (hints ?? {}) as { group?: string };
  return group === undefined ? {} : { group };
}

const port: ResourceType = {
  properties: { name: false, network: true, security_groups: false },
  check(cloud, { network }) {
    if (network === undefined || cloud.config.networks.some(({ name }) => name === network)) return undefined;
    return invalid('network', network, `Unable to find network with name or id '${network}'`);
  },
  create: (cloud, id, properties) => cloud.createPort(id, String(properties.network)),
  remove: (cloud, id) => cloud.deletePort(id),
  attributes: ['device_id', 'fixed_ips'],
  attribute(cloud, id, name) {
    const address = cloud.port(id)?.address;
    if (name === 'device_id') return cloud.serverOnPort(id) ?? '';
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

/** Hosts are not played: a group is a name that servers may be told. */
const serverGroup: ResourceType = {
  properties: { name: false, policies: false },
  create: (cloud, id, { name, policies }) => cloud.createGroup(id, String(name ?? id), (policies ?? []) as string[]),
  remove: (cloud, id) => cloud.deleteGroup(id),
  attribute: () => undefined,
};

const volume: ResourceType = {
  properties: { name: false, size: true, volume_type: false },
  check(_cloud, { volume_type: type }) {
    if (type === undefined || type === VOLUME_TYPE) return undefined;
    return invalid('volume_type', type, `The VolumeType (${type}) could not be found.`);
  },
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
  attributes: ['size'],
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
  'OS::Nova::ServerGroup': serverGroup,
  'OS::Neutron::Port': port,
  'OS::Neutron::SecurityGroup': securityGroup,
  'OS::Cinder::Volume': volume,
  'OS::Cinder::VolumeAttachment': attachment,
  ...unplayedTypes,
};
