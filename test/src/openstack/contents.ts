// What the cases make: a stack with a volume, and a member's stack from the very templates that the executor sends.
import { readFileSync } from 'node:fs';
import { NESTED_FILES, registryOf, type Ways } from '@argosy/regions';
import { IMAGE } from './region-under-test.ts';

export const VOLUME = {
  heat_template_version: '2021-04-16',
  parameters: {
    secret: { type: 'string', hidden: true, default: 'x' },
    size: { type: 'number', default: 1 },
  },
  resources: { volume: { type: 'OS::Cinder::Volume', properties: { size: { get_param: 'size' } } } },
  outputs: { volume: { value: { get_resource: 'volume' } }, size: { value: { get_attr: ['volume', 'size'] } } },
};

/** As `POST /stacks` takes it, but for the name. */
export function memberContent(changes: object = {}, ways: Ways = { compute: 'server', network: 'routed' }): object {
  const read = (name: string): string =>
    readFileSync(new URL(`../../../regions/templates/${name}`, import.meta.url), 'utf8');
  const registry = registryOf(ways);
  const meant = NESTED_FILES.filter((name) => Object.values(registry).includes(name));
  return {
    template: read('member.yaml').replace(/^ *volume_type: \{get_param: volume_type\}\n/m, ''),
    files: Object.fromEntries(meant.map((name) => [name, read(name)])),
    environment: { resource_registry: registry },
    parameters: {
      ...{ member_id: 'c1-1', cluster_id: 'c1', kind: 'voter', datastore: 'postgresql', version: '15' },
      ...{
        availability_zone: 'north-a',
        image: IMAGE,
        flavor: 'm1.small',
        vcpus: 1,
        memory_mib: 512,
        network_name: 'members',
      },
      ...{
        volume_size: 1,
        user_data: 'nothing',
        floating_network: 'members',
        agent_port: 8791,
        datastore_port: 5432,
        rules: [],
      },
      ...changes,
    },
  };
}

/** An update of these parameters; what is not named stays. */
export function patch(parameters: object): { readonly method: string; readonly body: object } {
  return { method: 'PATCH', body: { existing: true, parameters } };
}

/** What a stack tells, by its outputs' names. */
export function outputsOf(stack: {
  readonly outputs: readonly { readonly output_key: string; readonly output_value: unknown }[];
}): Record<string, unknown> {
  return Object.fromEntries(stack.outputs.map((output) => [output.output_key, output.output_value]));
}
