// Neutron: networks and their subnets, ports, and security groups, which shut nothing on a loopback address and are
// kept as they are told.
import { randomUUID } from 'node:crypto';
import type { Router } from '@koa/router';
import type { Context } from 'koa';
import { ResourceError } from '../cloud.ts';
import { bodyOf } from '../web.ts';
import type { Belonging } from './belongings.ts';
import { type Faces, idOf, isAskedFor, neutronError, now, projectOf } from './requests.ts';

const EXTENSIONS = ['security-group', 'port-security', 'binding', 'external-net'];
const MAC_PREFIX = 'fa:16:3e';

type Body = Readonly<Record<string, unknown>>;

export function addNeutron(router: Router, faces: Faces): void {
  router.get('/network/v2.0/extensions', (context) => {
    context.body = { extensions: EXTENSIONS.map((alias) => ({ alias, name: alias, description: '', links: [] })) };
  });
  const { networks } = faces.cloud.config;
  addListing(router, ['networks', 'network'], () => networks.map(({ name }) => networkBody(name)));
  addListing(router, ['subnets', 'subnet'], () => networks.map(subnetBody));
  addListing(router, ['ports', 'port'], (context) =>
    faces.belongings
      .of(projectOf(context), 'port')
      .map((port) => portBody(faces, port))
      .filter((body) => body !== undefined),
  );
  addListing(router, ['security-groups', 'security_group'], (context) =>
    faces.belongings.of(projectOf(context), 'security-group').map(groupBody),
  );
  addPorts(router, faces);
  addSecurityGroups(router, faces);
}

/** The network's name of an id; names are admitted too, as everywhere. */
function networkOf({ cloud }: Faces, id: unknown): string | undefined {
  return cloud.config.networks.find(({ name }) => idOf('network', name) === id)?.name;
}

function addListing(
  router: Router,
  [many, one]: readonly [many: string, one: string],
  list: (context: Context) => Body[],
): void {
  const key = many.replaceAll('-', '_');
  router.get(`/network/v2.0/${many}`, (context) => {
    const fields = ['id', 'name', 'network_id', 'device_id', 'project_id', 'tenant_id'];
    context.body = { [key]: list(context).filter((item) => isAskedFor(context, item, fields)) };
  });
  router.get(`/network/v2.0/${many}/:id`, (context: Context) => {
    const found = list(context).find(({ id }) => id === context.params.id);
    if (found === undefined) throw notFound(one, context.params.id);
    context.body = { [one]: found };
  });
}

function addPorts(router: Router, faces: Faces): void {
  const { cloud, belongings } = faces;
  router.post('/network/v2.0/ports', (context) => {
    const wanted = bodyOf(context).port as Body;
    const [id, projectId, network] = [randomUUID(), projectOf(context), networkOf(faces, wanted.network_id)];
    if (network === undefined) throw notFound('network', wanted.network_id);
    const groups = (wanted.security_groups ?? []) as readonly string[];
    const missing = groups.find((group) => belongings.find(projectId, 'security-group', group) === undefined);
    if (missing !== undefined) throw notFound('security_group', missing);
    const told = { ...wanted, device_id: '', device_owner: '' };
    const port: Belonging = { ...{ id, kind: 'port', projectId, createdAt: now() }, name: nameOf(wanted), told };
    try {
      cloud.createPort(id, network);
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error;
      throw neutronError(409, 'IpAddressGenerationFailure', `No more IP addresses available on network ${network}.`);
    }
    belongings.put(port);
    context.status = 201;
    context.body = { port: portBody(faces, port) };
  });
  router.put('/network/v2.0/ports/:id', (context: Context) => {
    const port = belongings.find(projectOf(context), 'port', context.params.id);
    if (port === undefined) throw notFound('port', context.params.id);
    belongings.tell(port, bodyOf(context).port as Body);
    context.body = { port: portBody(faces, belongings.find(port.projectId, 'port', port.id) ?? port) };
  });
  router.delete('/network/v2.0/ports/:id', async (context: Context) => {
    const port = belongings.find(projectOf(context), 'port', context.params.id);
    if (port === undefined) throw notFound('port', context.params.id);
    // A server that still has it has no address from now on.
    const holder = cloud.serverOnPort(port.id);
    if (holder !== undefined) await cloud.releaseServer(holder);
    cloud.deletePort(port.id);
    belongings.remove(port.id);
    context.status = 204;
  });
}

function addSecurityGroups(router: Router, { belongings }: Faces): void {
  const group = (context: Context, id: unknown): Belonging => {
    const found = belongings.find(projectOf(context), 'security-group', String(id));
    if (found === undefined) throw notFound('security_group', id);
    return found;
  };
  router.post('/network/v2.0/security-groups', (context) => {
    const wanted = bodyOf(context).security_group as Body;
    const [id, projectId] = [randomUUID(), projectOf(context)];
    // Neutron lets everything out, and what is made keeps that unless it is taken away.
    const rules = ['IPv4', 'IPv6'].map((ethertype) => ruleBody(id, { direction: 'egress', ethertype }));
    const told = { description: wanted.description ?? '', rules };
    const made: Belonging = {
      ...{ id, kind: 'security-group', projectId, createdAt: now() },
      name: nameOf(wanted),
      told,
    };
    belongings.put(made);
    context.status = 201;
    context.body = { security_group: groupBody(made) };
  });
  router.put('/network/v2.0/security-groups/:id', (context: Context) => {
    const found = group(context, context.params.id);
    belongings.tell(found, bodyOf(context).security_group as Body);
    context.body = { security_group: groupBody(group(context, found.id)) };
  });
  router.delete('/network/v2.0/security-groups/:id', (context: Context) => {
    const found = group(context, context.params.id);
    const ports = belongings.of(found.projectId, 'port');
    if (ports.some(({ told }) => (told.security_groups as readonly string[] | undefined)?.includes(found.id))) {
      throw neutronError(409, 'SecurityGroupInUse', `Security Group ${found.id} in use.`);
    }
    belongings.remove(found.id);
    context.status = 204;
  });
  router.post('/network/v2.0/security-group-rules', (context) => {
    const wanted = bodyOf(context).security_group_rule as Body;
    const found = group(context, wanted.security_group_id);
    const rule = ruleBody(found.id, wanted);
    belongings.tell(found, { rules: [...rulesOf(found), rule] });
    context.status = 201;
    context.body = { security_group_rule: rule };
  });
  router.delete('/network/v2.0/security-group-rules/:id', (context: Context) => {
    const groups = belongings.of(projectOf(context), 'security-group');
    const found = groups.find((one) => rulesOf(one).some(({ id }) => id === context.params.id));
    if (found === undefined) throw notFound('security_group_rule', context.params.id);
    belongings.tell(found, { rules: rulesOf(found).filter(({ id }) => id !== context.params.id) });
    context.status = 204;
  });
}

function networkBody(name: string): Body {
  return {
    ...{ id: idOf('network', name), name, status: 'ACTIVE', admin_state_up: true, shared: true, mtu: 1500 },
    ...{ subnets: [idOf('subnet', name)], 'router:external': false, port_security_enabled: true },
  };
}

function subnetBody({ name, cidr }: { readonly name: string; readonly cidr: string }): Body {
  return {
    ...{ id: idOf('subnet', name), name, network_id: idOf('network', name), cidr, ip_version: 4, gateway_ip: null },
    ...{ enable_dhcp: false, allocation_pools: [], dns_nameservers: [], host_routes: [] },
  };
}

/** Undefined when the model does not have the port. */
export function portBody({ cloud }: Faces, port: Belonging): Body | undefined {
  const known = cloud.port(port.id);
  if (known === undefined) return undefined;
  const { id, name, projectId, createdAt, told } = port;
  const mac = [MAC_PREFIX, id.slice(0, 2), id.slice(2, 4), id.slice(4, 6)].join(':');
  return {
    ...{ allowed_address_pairs: [], security_groups: [], admin_state_up: true, 'binding:vnic_type': 'normal' },
    ...{ ...told, id, name, project_id: projectId, tenant_id: projectId, created_at: createdAt, updated_at: createdAt },
    network_id: idOf('network', known.network),
    fixed_ips: [{ subnet_id: idOf('subnet', known.network), ip_address: known.address }],
    mac_address: mac,
    status: told.device_id === '' ? 'DOWN' : 'ACTIVE',
    port_security_enabled: true,
    tags: [],
  };
}

function groupBody({ id, name, projectId, createdAt, told }: Belonging): Body {
  const { rules, ...others } = told;
  const times = { created_at: createdAt, updated_at: createdAt };
  return { id, name, project_id: projectId, tenant_id: projectId, ...times, ...others, security_group_rules: rules };
}

function rulesOf(group: Belonging): readonly Body[] {
  return group.told.rules as readonly Body[];
}

function ruleBody(groupId: string, wanted: Body): Body {
  const open = { protocol: null, port_range_min: null, port_range_max: null, remote_ip_prefix: null };
  return { ...open, remote_group_id: null, ...wanted, id: randomUUID(), security_group_id: groupId };
}

function nameOf(wanted: Body): string {
  return typeof wanted.name === 'string' ? wanted.name : '';
}

function notFound(what: string, id: unknown) {
  const type = what === 'port' ? 'PortNotFound' : `${what.split('_').map(capital).join('')}NotFound`;
  return neutronError(404, type, `${what} ${id} could not be found.`);
}

function capital(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}
