// From a member's wish to the stack that makes it. Pure: the same wish gives the same request, so a repeat of a command
// by any executor asks Heat for the same name and is refused as a double.
import { readFileSync } from 'node:fs';
import { datastores, definitionFor } from '@argosy/datastores';
import {
  AGENT_PORT,
  behindDoor,
  enrolmentToken,
  GATE_PORT,
  identityUri,
  MemberKind,
  type MemberSpec,
} from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import { parse } from 'yaml';
import type { NewStack } from '../openstack/heat.ts';
import { CommandError } from './command-error.ts';
import type { ExecutorSettings } from './config.ts';
import { filesOf, kindTag, NESTED_FILES, registryOf, type Ways } from './member-ways.ts';
import { eventSinks } from './pushed-events.ts';

const STACK_PREFIX = 'argosy-';
/** Heat's own limit of one create or update. */
export const STACK_TIMEOUT_MINUTES = 20;
const MEMBER_ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/;
const MAX_VOLUME_GIB = 65_536;
const NOTHING_KEEPS_APART =
  'Members are containers here, and nothing keeps containers from sharing a host: survive: host needs servers.';

/** The templates as they are sent: the outer one parsed, the nested ones as text. */
export interface Templates {
  readonly member: { readonly resources: { readonly volume: { readonly properties: object } } };
  readonly files: Readonly<Record<string, string>>;
  /** Of a cluster's server group. */
  readonly apart: unknown;
}

export function readTemplates(): Templates {
  const read = (name: string): string => readFileSync(new URL(`../../templates/${name}`, import.meta.url), 'utf8');
  return {
    member: parse(read('member.yaml')) as Templates['member'],
    files: Object.fromEntries(NESTED_FILES.map((name) => [name, read(name)])),
    apart: parse(read('apart-nova.yaml')),
  };
}

export interface SizeParameters {
  readonly flavor: string;
  readonly vcpus: number;
  readonly memory_mib: number;
}

/** Every stack of a federation has this tag: two federations may share a project and see their own stacks only. */
export function stackTag(federation: string): string {
  return `${STACK_PREFIX}${federation}`;
}

export function stackName(federation: string, memberId: string): string {
  return `${stackTag(federation)}-${memberId}`;
}

/** The member that a stack of this name is of; undefined when the stack is not this federation's. */
export function memberOfStack(federation: string, name: string): string | undefined {
  const prefix = `${stackTag(federation)}-`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}

/** What a stack's kind of member is called outside the protocol. */
export function kindName(kind: MemberKind): 'voter' | 'replica' | 'arbiter' {
  if (kind === MemberKind.ARBITER) return 'arbiter';
  return kind === MemberKind.REPLICA ? 'replica' : 'voter';
}

export function kindOfName(name: string | undefined): MemberKind {
  if (name === 'arbiter') return MemberKind.ARBITER;
  return name === 'replica' ? MemberKind.REPLICA : MemberKind.VOTER;
}

/** Checks what does not depend on the region's state. @throws CommandError INVALID_ARGUMENT */
export function checkSpec(spec: MemberSpec, config: ExecutorSettings): void {
  const refuse = (message: string): never => {
    throw new CommandError(status.INVALID_ARGUMENT, message);
  };
  if (!MEMBER_ID.test(spec.memberId)) refuse(`"${spec.memberId}" is not a member's id.`);
  if (!MEMBER_ID.test(spec.clusterId) || !spec.memberId.startsWith(`${spec.clusterId}-`)) {
    refuse(`Member ${spec.memberId} is not of cluster "${spec.clusterId}".`);
  }
  if (spec.kind === MemberKind.UNSPECIFIED) refuse('The member is of no kind.');
  if (!config.zones.some(({ name }) => name === spec.zone)) refuse(`${config.region} has no zone "${spec.zone}".`);
  if (!config.flavors.some(({ name }) => name === spec.flavor))
    refuse(`${config.region} has no flavor "${spec.flavor}".`);
  if (spec.apart && config.compute === 'container')
    throw new CommandError(status.FAILED_PRECONDITION, NOTHING_KEEPS_APART);
  const definition = datastores.find(spec.datastore);
  if (definition === undefined) refuse(`"${spec.datastore}" is not a supported datastore.`);
  if (definition?.versions.includes(spec.version) === false) {
    refuse(`${spec.datastore} ${spec.version} is not a supported version.`);
  }
  if (spec.volumeGib < 1 || spec.volumeGib > MAX_VOLUME_GIB)
    refuse(`A volume of ${spec.volumeGib} GiB cannot be made.`);
}

export function stackRequest(
  spec: MemberSpec,
  region: {
    readonly config: ExecutorSettings;
    readonly templates: Templates;
    readonly root: string;
    readonly regionKey: string;
  },
  /** The server group that keeps it apart from the cluster's others. */
  group?: string,
): NewStack {
  const { config, templates } = region;
  const ways = waysOf(config);
  const port = datastores.find(spec.datastore)?.port ?? 0;
  return {
    name: stackName(config.federation, spec.memberId),
    tags: [stackTag(config.federation), spec.clusterId, kindTag(config.compute)],
    template: memberTemplate(templates, config.volumeType),
    environment: {
      resource_registry: registryOf(ways),
      ...(config.events === undefined ? {} : { event_sinks: eventSinks(config.federation) }),
    },
    files: filesOf(ways, templates.files),
    parameters: {
      member_id: spec.memberId,
      cluster_id: spec.clusterId,
      kind: kindName(spec.kind),
      datastore: spec.datastore,
      version: spec.version,
      availability_zone: spec.zone,
      image: config.image,
      ...sizeParameters(spec.flavor, config),
      ...(group === undefined ? {} : { hints: { group } }),
      network_name: config.network,
      ...(config.floatingNetwork === undefined ? {} : { floating_network: config.floatingNetwork }),
      volume_size: spec.volumeGib,
      ...(config.volumeType === undefined ? {} : { volume_type: config.volumeType }),
      user_data: userData(spec, region),
      agent_port: AGENT_PORT,
      datastore_port: port,
      rules: admissionRules(config, port, spec),
    },
    timeoutMinutes: STACK_TIMEOUT_MINUTES,
  };
}

export function waysOf({ compute, floatingNetwork }: ExecutorSettings): Ways {
  return { compute, network: floatingNetwork === undefined ? 'routed' : 'floating' };
}

/** A flavor as compute of every kind takes it. */
export function sizeParameters(name: string, { flavors }: ExecutorSettings): SizeParameters {
  const found = flavors.find((flavor) => flavor.name === name);
  return { flavor: found?.openstackFlavor ?? name, vcpus: found?.vcpus ?? 0, memory_mib: found?.memoryMib ?? 0 };
}

/** Members and executors reach agent and database, clients the database and what leads to its primary. */
function admissionRules(
  { peerCidrs, clientCidrs }: ExecutorSettings,
  port: number,
  { datastore, door, engineRuled }: MemberSpec,
): object[] {
  const rule = (cidr: string, to: number): object => ({
    protocol: 'tcp',
    ethertype: cidr.includes(':') ? 'IPv6' : 'IPv4',
    port_range_min: to,
    port_range_max: to,
    remote_ip_prefix: cidr,
  });
  const definition = datastores.find(datastore);
  const { discoveryPort, peerPorts = [] } =
    definition === undefined ? {} : definitionFor(definition, engineRuled ? 'engine' : 'quorum');
  const open = [port, GATE_PORT, discoveryPort ?? []].flat();
  return [
    ...peerCidrs.map((cidr) => rule(cidr, AGENT_PORT)),
    // Members copy each other beside the door.
    ...(door ? peerCidrs.map((cidr) => rule(cidr, behindDoor(port))) : []),
    ...peerPorts.flatMap((to) => peerCidrs.map((cidr) => rule(cidr, to))),
    // Neutron refuses a rule that is there twice.
    ...[...new Set([...peerCidrs, ...clientCidrs])].flatMap((cidr) => open.map((to) => rule(cidr, to))),
  ];
}

/** An empty volume type is not the default one for Cinder, so without a type the property is left out. */
function memberTemplate(templates: Templates, volumeType: string | undefined): unknown {
  if (volumeType !== undefined) return templates.member;
  const template = structuredClone(templates.member);
  delete (template.resources.volume.properties as { volume_type?: unknown }).volume_type;
  return template;
}

/** What the guest is told. The token opens nothing but its enrolment, once. */
function userData(
  spec: MemberSpec,
  region: { readonly config: ExecutorSettings; readonly root: string; readonly regionKey: string },
): string {
  const { federation, region: name } = region.config;
  return JSON.stringify({
    federation,
    region: name,
    cluster_id: spec.clusterId,
    member_id: spec.memberId,
    kind: kindName(spec.kind),
    datastore: spec.datastore,
    version: spec.version,
    executor: identityUri({ kind: 'executor', federation, region: name }),
    root_certificate: region.root,
    enrolment_token: enrolmentToken(region.regionKey, spec.memberId),
    datastore_port: datastores.find(spec.datastore)?.port,
    ...(spec.door ? { door: true } : {}),
    ...(spec.engineRuled ? { engine_ruled: true } : {}),
  });
}
