// Nova, compute API 2.1: servers on their ports, resized, given and taken volumes. What takes time goes on behind the
// answer, and is seen by asking again.
import { randomUUID } from 'node:crypto';
import type { Router } from '@koa/router';
import type { Context } from 'koa';
import { ResourceError, type Server } from '../cloud.ts';
import { bodyOf } from '../web.ts';
import type { Belonging } from './belongings.ts';
import { DEVICE } from './cinder.ts';
import { imageName } from './glance.ts';
import { portBody } from './neutron.ts';
import { type Faces, fault, goOn, idOf, now, projectOf } from './requests.ts';

type Body = Readonly<Record<string, unknown>>;

const NEWEST = '2.93';
/** From here on a server tells its flavor whole instead of the flavor's id. */
const FLAVOR_WHOLE = 47;
const ROOT = '/compute/v2.1';

const VERSION = {
  ...{ id: 'v2.1', status: 'CURRENT', version: NEWEST, min_version: '2.1', updated: '2013-07-23T11:33:21Z' },
  'media-types': [],
};
const LIMITS = { maxServerMeta: 128, maxPersonality: 0, maxPersonalitySize: 0 };

export function addNova(router: Router, faces: Faces): void {
  router.use('/compute', (context, next) => {
    const asked = context.get('openstack-api-version') || context.get('x-openstack-nova-api-version');
    const version = /2\.\d+/.exec(asked)?.[0] ?? '2.1';
    context.state.minor = Number(version.slice(2));
    context.set('openstack-api-version', `compute ${version}`);
    context.set('x-openstack-nova-api-version', version);
    return next();
  });
  router.get(ROOT, (context) => {
    context.body = { version: { ...VERSION, links: [{ rel: 'self', href: `${context.origin}${ROOT}/` }] } };
  });
  router.get(`${ROOT}/limits`, (context) => {
    context.body = { limits: { rate: [], absolute: LIMITS } };
  });
  const flavors = faces.cloud.config.flavors.map(flavorBody);
  for (const listing of ['flavors', 'flavors/detail']) {
    router.get(`${ROOT}/${listing}`, (context) => {
      context.body = { flavors };
    });
  }
  router.get(`${ROOT}/flavors/:id`, (context: Context) => {
    const flavor = flavors.find(({ id }) => id === context.params.id);
    if (flavor === undefined) throw fault(404, `Flavor ${context.params.id} could not be found.`);
    context.body = { flavor };
  });
  addServers(router, faces);
  addServerGroups(router, faces);
  addAttachments(router, faces);
}

function addServers(router: Router, faces: Faces): void {
  const { belongings } = faces;
  router.post(`${ROOT}/servers`, async (context) => {
    const id = await createServer(faces, projectOf(context), bodyOf(context));
    if (faces.cloud.faults.state.server_answers === 'hang') await new Promise(() => {});
    context.status = 202;
    context.body = { server: { id, links: [], 'OS-DCF:diskConfig': 'MANUAL', security_groups: [] } };
  });
  for (const listing of ['servers', 'servers/detail']) {
    router.get(`${ROOT}/${listing}`, (context) => {
      const found = belongings.of(projectOf(context), 'server').flatMap((owned) => {
        const server = faces.cloud.server(owned.id);
        return server === undefined ? [] : [serverBody(faces, owned, { server, minor: context.state.minor })];
      });
      context.body = { servers: found };
    });
  }
  router.get(`${ROOT}/servers/:id`, (context: Context) => {
    const { owned, server } = findServer(faces, context);
    context.body = { server: serverBody(faces, owned, { server, minor: context.state.minor }) };
  });
  router.delete(`${ROOT}/servers/:id`, (context: Context) => {
    const { owned } = findServer(faces, context);
    if (!faces.deleting.has(owned.id)) goOn(faces, 'delete', deleteServer(faces, owned));
    context.status = 204;
  });
  router.post(`${ROOT}/servers/:id/action`, (context: Context) => {
    act(faces, findServer(faces, context), bodyOf(context));
    context.status = 'confirmResize' in bodyOf(context) ? 204 : 202;
  });
}

async function createServer(faces: Faces, projectId: string, body: Body): Promise<string> {
  const { cloud, belongings } = faces;
  const wanted = body.server as Body;
  const [image, flavor] = [imageName(faces, String(wanted.imageRef)), flavorName(faces, wanted.flavorRef)];
  if (image === undefined) throw fault(400, `Image ${wanted.imageRef} could not be found.`);
  if (flavor === undefined) throw fault(400, `Flavor ${wanted.flavorRef} could not be found.`);
  const [network] = (Array.isArray(wanted.networks) ? wanted.networks : []) as readonly { readonly port?: string }[];
  const port = belongings.find(projectId, 'port', network?.port ?? '');
  if (port === undefined) throw fault(400, `Port ${network?.port} could not be found.`);
  if (port.told.device_id !== '') throw fault(409, `Port ${port.id} is still in use.`);

  const { group } = (body['os:scheduler_hints'] ?? {}) as { readonly group?: string };
  if (group !== undefined && belongings.find(projectId, 'server-group', group) === undefined)
    throw fault(400, `Server group ${group} could not be found.`);
  const refusal = cloud.quotaRefusal();
  if (refusal !== undefined) throw fault(403, refusal);

  const [id, name] = [randomUUID(), String(wanted.name)];
  belongings.put({
    ...{ id, kind: 'server', projectId, name, createdAt: now() },
    told: { metadata: wanted.metadata ?? {} },
  });
  const userData = Buffer.from(String(wanted.user_data ?? ''), 'base64').toString('utf8');
  const zone = String(wanted.availability_zone ?? cloud.config.zones[0]?.name);
  const creating = cloud.createServer({
    ...{ id, name, zone, flavor, image, userData },
    ...(group === undefined ? {} : { group }),
    portId: port.id,
  });
  if (cloud.server(id) === undefined) {
    belongings.remove(id);
    await creating.catch((error: unknown) => {
      throw error instanceof ResourceError ? fault(400, 'The requested availability zone is not available') : error;
    });
  }
  belongings.tell(port, { device_id: id, device_owner: `compute:${zone}` });
  goOn(faces, 'create', creating);
  return id;
}

async function deleteServer({ cloud, belongings, deleting }: Faces, owned: Belonging): Promise<void> {
  deleting.add(owned.id);
  try {
    await cloud.deleteServer(owned.id);
  } finally {
    deleting.delete(owned.id);
  }
  for (const port of belongings.of(owned.projectId, 'port')) {
    if (port.told.device_id === owned.id) belongings.tell(port, { device_id: '', device_owner: '' });
  }
  belongings.remove(owned.id);
}

function addServerGroups(router: Router, { cloud, belongings }: Faces): void {
  const groups = `${ROOT}/os-server-groups`;
  const view = ({ id, name, projectId }: Belonging): Body => {
    const members = cloud.servers().filter(({ group }) => group === id);
    const policy = cloud.group(id)?.policies[0] ?? '';
    return {
      id,
      name,
      policy,
      rules: {},
      members: members.map((server) => server.id),
      project_id: projectId,
      user_id: '',
    };
  };
  const found = (context: Context): Belonging => {
    const group = belongings.find(projectOf(context), 'server-group', String(context.params.id));
    if (group === undefined) throw fault(404, `Instance group ${context.params.id} could not be found.`);
    return group;
  };
  router.post(groups, (context) => {
    const { name, policy } = bodyOf(context).server_group as { readonly name: string; readonly policy: string };
    const made: Belonging = {
      ...{ id: randomUUID(), kind: 'server-group', projectId: projectOf(context), name, createdAt: now() },
      told: {},
    };
    cloud.createGroup(made.id, name, [policy]);
    belongings.put(made);
    context.body = { server_group: view(made) };
  });
  router.get(groups, (context) => {
    context.body = { server_groups: belongings.of(projectOf(context), 'server-group').map(view) };
  });
  router.get(`${groups}/:id`, (context: Context) => {
    context.body = { server_group: view(found(context)) };
  });
  router.delete(`${groups}/:id`, (context: Context) => {
    const { id } = found(context);
    cloud.deleteGroup(id);
    belongings.remove(id);
    context.status = 204;
  });
}

function act(faces: Faces, { owned, server }: FoundServer, action: Body): void {
  const { cloud, belongings } = faces;
  if ('resize' in action) {
    const flavor = flavorName(faces, (action.resize as { flavorRef?: unknown }).flavorRef);
    if (flavor === undefined) throw fault(400, 'The flavor could not be found.');
    if (cloud.serverStatus(server.id) !== 'ACTIVE') throw fault(409, `Cannot 'resize' instance ${server.id}.`);
    const resizing = cloud.resizeServer(server.id, flavor);
    goOn(
      faces,
      'resize',
      resizing.then(() => belongings.tell(owned, { isResized: true })),
    );
    return;
  }
  if (!('confirmResize' in action)) throw fault(400, 'There is no such action.');
  if (owned.told.isResized !== true) throw fault(400, 'Instance has not been resized.');
  belongings.tell(owned, { isResized: false });
}

function addAttachments(router: Router, faces: Faces): void {
  const { cloud, belongings } = faces;
  const interfaces = `${ROOT}/servers/:id/os-interface`;
  const portsOf = (server: Server, projectId: string): Belonging[] =>
    belongings.of(projectId, 'port').filter(({ told }) => told.device_id === server.id);
  router.get(interfaces, (context: Context) => {
    const { server } = findServer(faces, context);
    context.body = {
      interfaceAttachments: portsOf(server, projectOf(context)).map((port) => interfaceBody(faces, port)),
    };
  });
  router.delete(`${interfaces}/:port`, (context: Context) => {
    const { server } = findServer(faces, context);
    const port = portsOf(server, projectOf(context)).find(({ id }) => id === context.params.port);
    if (port === undefined) throw fault(404, `Port ${context.params.port} is not attached.`);
    // Its address is the guest's: the next server on it can only be reached when this one's guest has ended.
    const releasing = cloud.releaseServer(server.id);
    goOn(
      faces,
      'detach port',
      releasing.then(() => belongings.tell(port, { device_id: '', device_owner: '' })),
    );
    context.status = 202;
  });

  const volumes = `${ROOT}/servers/:id/os-volume_attachments`;
  router.post(volumes, (context: Context) => {
    const { server } = findServer(faces, context);
    const { volumeId } = bodyOf(context).volumeAttachment as { volumeId: string };
    if (belongings.find(projectOf(context), 'volume', volumeId) === undefined) {
      throw fault(404, `Volume ${volumeId} could not be found.`);
    }
    if (cloud.volume(volumeId)?.serverId !== null) throw fault(400, `Invalid volume: volume ${volumeId} is attached.`);
    goOn(faces, 'attach volume', cloud.attachVolume(volumeId, server.id));
    context.body = { volumeAttachment: attachmentBody(volumeId, server.id) };
  });
  router.get(`${volumes}/:volume`, (context: Context) => {
    context.body = { volumeAttachment: attachmentBody(findAttachment(faces, context), context.params.id) };
  });
  router.delete(`${volumes}/:volume`, (context: Context) => {
    goOn(faces, 'detach volume', cloud.detachVolume(findAttachment(faces, context), 'waits'));
    context.status = 202;
  });
}

interface FoundServer {
  readonly owned: Belonging;
  readonly server: Server;
}

function findServer({ cloud, belongings }: Faces, context: Context): FoundServer {
  const id = String(context.params.id);
  const [owned, server] = [belongings.find(projectOf(context), 'server', id), cloud.server(id)];
  if (owned === undefined || server === undefined) throw fault(404, `Instance ${id} could not be found.`);
  return { owned, server };
}

function findAttachment(faces: Faces, context: Context): string {
  const { server } = findServer(faces, context);
  const volume = faces.cloud.volume(String(context.params.volume));
  if (volume === undefined || volume.serverId !== server.id) {
    throw fault(404, `Instance ${server.id} is not attached to volume ${context.params.volume}.`);
  }
  return volume.id;
}

function flavorName({ cloud }: Faces, id: unknown): string | undefined {
  return cloud.config.flavors.find(({ name }) => idOf('flavor', name) === id)?.name;
}

function flavorBody({ name, vcpus, ram, disk }: { name: string; vcpus: number; ram: number; disk: number }) {
  const others = { 'OS-FLV-EXT-DATA:ephemeral': 0, swap: '', rxtx_factor: 1, 'os-flavor-access:is_public': true };
  return { id: idOf('flavor', name), name, vcpus, ram, disk, ...others, links: [] };
}

function serverBody(faces: Faces, owned: Belonging, seen: { server: Server; minor: number }): Body {
  const { cloud, belongings } = faces;
  const { server, minor } = seen;
  const plain = cloud.serverStatus(server.id);
  const status = plain === 'ACTIVE' && owned.told.isResized === true ? 'VERIFY_RESIZE' : plain;
  const port = belongings.find(owned.projectId, 'port', server.portId);
  const addresses = port?.told.device_id === server.id ? addressesOf(faces, port) : {};
  const flavor = cloud.config.flavors.find(({ name }) => name === server.flavor);
  const whole = { original_name: server.flavor, vcpus: flavor?.vcpus, ram: flavor?.ram, disk: flavor?.disk };
  return {
    ...{ id: server.id, name: server.name, status, addresses, metadata: owned.told.metadata, links: [] },
    ...{ tenant_id: owned.projectId, user_id: '', created: owned.createdAt, updated: owned.createdAt, hostId: '' },
    image: { id: idOf('image', server.image), links: [] },
    flavor:
      minor >= FLAVOR_WHOLE
        ? { ...whole, ephemeral: 0, swap: 0, extra_specs: {} }
        : { id: idOf('flavor', server.flavor), links: [] },
    ...(status === 'ERROR'
      ? { fault: { code: 500, message: server.fault ?? 'Unknown', created: owned.createdAt } }
      : {}),
    ...{ accessIPv4: '', accessIPv6: '', config_drive: 'True', key_name: null, progress: 0, security_groups: [] },
    'OS-EXT-AZ:availability_zone': server.zone,
    'OS-EXT-STS:vm_state': status.toLowerCase(),
    'OS-EXT-STS:task_state': faces.deleting.has(owned.id) ? 'deleting' : null,
    'OS-EXT-STS:power_state': status === 'ACTIVE' ? 1 : 0,
    'OS-DCF:diskConfig': 'MANUAL',
    'os-extended-volumes:volumes_attached': cloud.volumesOf(server.id).map(({ id }) => ({ id })),
  };
}

function addressesOf(faces: Faces, port: Belonging): Body {
  const { fixed_ips: ips, mac_address: mac } = portBody(faces, port) ?? {};
  const network = faces.cloud.port(port.id)?.network ?? '';
  const type = { version: 4, 'OS-EXT-IPS:type': 'fixed', 'OS-EXT-IPS-MAC:mac_addr': mac };
  const fixed = (ips ?? []) as readonly { readonly ip_address: string }[];
  return { [network]: fixed.map((ip) => ({ addr: ip.ip_address, ...type })) };
}

function interfaceBody(faces: Faces, port: Belonging): Body {
  const { id, network_id, fixed_ips, mac_address, status } = portBody(faces, port) ?? {};
  return { port_id: id, net_id: network_id, fixed_ips, mac_addr: mac_address, port_state: status };
}

function attachmentBody(volumeId: string, serverId: string): Body {
  return { id: volumeId, volumeId, serverId, device: DEVICE };
}
