// In which ways a region makes what a member consists of: the same template, and for each of our resource types the
// file or the type that the environment says it is.
import type { Stack } from '../openstack/heat.ts';

export const COMPUTE_KINDS = ['server', 'container', 'baremetal'] as const;
/** A Nova server; a container of Zun; a node of Ironic, which Nova deploys. */
export type ComputeKind = (typeof COMPUTE_KINDS)[number];

export interface Ways {
  readonly compute: ComputeKind;
  /** The port's own address is advertised, or a floating one before it. */
  readonly network: 'routed' | 'floating';
}

const KIND_TAG = 'compute-';
const COMPUTE_FILES = {
  server: 'compute-nova.yaml',
  container: 'compute-container.yaml',
  baremetal: 'compute-baremetal.yaml',
} as const;
const NETWORK_FILES = { routed: 'network-routed.yaml', floating: 'network-floating.yaml' } as const;
/** A node's volume is its own disk, which no volume service knows of. */
const VOLUME_TYPES = {
  server: 'OS::Cinder::Volume',
  container: 'OS::Cinder::Volume',
  baremetal: 'OS::Heat::None',
} as const;

/** All nested templates. */
export const NESTED_FILES: readonly string[] = [...Object.values(COMPUTE_FILES), ...Object.values(NETWORK_FILES)];

/** What our resource types are. A type that is the same in every way is named by its own name in the template. */
export function registryOf({ compute, network }: Ways): Readonly<Record<string, string>> {
  return {
    'Argosy::Member::Compute': COMPUTE_FILES[compute],
    'Argosy::Member::Volume': VOLUME_TYPES[compute],
    'Argosy::Member::Network': NETWORK_FILES[network],
  };
}

/** The nested templates that are meant, of all. */
export function filesOf(ways: Ways, all: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const names = [COMPUTE_FILES[ways.compute], NETWORK_FILES[ways.network]];
  return Object.fromEntries(names.map((name) => [name, all[name] ?? '']));
}

/** By this tag a stack says what it was made of, whatever the region is configured to make by now. */
export function kindTag(compute: ComputeKind): string {
  return `${KIND_TAG}${compute}`;
}

export function kindOfStack({ tags }: Pick<Stack, 'tags'>): ComputeKind {
  return COMPUTE_KINDS.find((kind) => tags.includes(kindTag(kind))) ?? 'server';
}
