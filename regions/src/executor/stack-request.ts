// From a member's wish to the stack that makes it. Pure: the same wish gives the same request, so a repeat of a command
// by any executor asks Heat for the same name and is refused as a double.
import { readFileSync } from 'node:fs';
import { datastores } from '@argosy/datastores';
import { AGENT_PORT, enrolmentToken, identityUri, MemberKind, type MemberSpec } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import { parse } from 'yaml';
import type { NewStack } from '../openstack/heat.ts';
import { CommandError } from './command-error.ts';
import type { ExecutorSettings } from './config.ts';

/** Every stack of ours has this tag. */
export const STACK_TAG = 'argosy';
const STACK_PREFIX = 'argosy-';
const CREATE_TIMEOUT_MINUTES = 20;
const MEMBER_ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/;
const MAX_VOLUME_GIB = 65_536;

/** How a resource type of ours is made. Other ways (a container, bare metal, floating addresses) are other files. */
const REGISTRY = {
  'Argosy::Member::Compute': 'compute-nova.yaml',
  'Argosy::Member::Network': 'network-routed.yaml',
} as const;

/** The templates as they are sent: the outer one parsed, the nested ones as text. */
export interface Templates {
  readonly member: { readonly resources: { readonly volume: { readonly properties: object } } };
  readonly files: Readonly<Record<string, string>>;
}

export function readTemplates(): Templates {
  const read = (name: string): string => readFileSync(new URL(`../../templates/${name}`, import.meta.url), 'utf8');
  return {
    member: parse(read('member.yaml')) as Templates['member'],
    files: Object.fromEntries(Object.values(REGISTRY).map((name) => [name, read(name)])),
  };
}

export function stackName(memberId: string): string {
  return `${STACK_PREFIX}${memberId}`;
}

/** The member that a stack of this name is of; undefined when the stack is not ours. */
export function memberOfStack(name: string): string | undefined {
  return name.startsWith(STACK_PREFIX) ? name.slice(STACK_PREFIX.length) : undefined;
}

/** What a stack's kind of member is called outside the protocol. */
export function kindName(kind: MemberKind): 'voter' | 'replica' {
  return kind === MemberKind.REPLICA ? 'replica' : 'voter';
}

export function kindOfName(name: string | undefined): MemberKind {
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
  if (spec.kind !== MemberKind.VOTER && spec.kind !== MemberKind.REPLICA) {
    refuse('A stack is made for a voter or a replica only.');
  }
  if (!config.zones.some(({ name }) => name === spec.zone)) refuse(`${config.region} has no zone "${spec.zone}".`);
  if (!config.flavors.some(({ name }) => name === spec.flavor))
    refuse(`${config.region} has no flavor "${spec.flavor}".`);
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
): NewStack {
  const { config, templates } = region;
  const flavor = config.flavors.find(({ name }) => name === spec.flavor);
  return {
    name: stackName(spec.memberId),
    tags: [STACK_TAG, spec.clusterId],
    template: memberTemplate(templates, config.volumeType),
    environment: { resource_registry: REGISTRY },
    files: templates.files,
    parameters: {
      member_id: spec.memberId,
      cluster_id: spec.clusterId,
      kind: kindName(spec.kind),
      datastore: spec.datastore,
      version: spec.version,
      availability_zone: spec.zone,
      image: config.image,
      flavor: flavor?.openstackFlavor ?? spec.flavor,
      network: config.network,
      volume_size: spec.volumeGib,
      ...(config.volumeType === undefined ? {} : { volume_type: config.volumeType }),
      user_data: userData(spec, region),
      agent_port: AGENT_PORT,
      datastore_port: datastores.find(spec.datastore)?.port ?? 0,
    },
    timeoutMinutes: CREATE_TIMEOUT_MINUTES,
  };
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
  });
}
