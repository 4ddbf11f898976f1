// Types of Heat's that Argosy's templates name for regions of other kinds. Microcloud checks templates with them as Heat
// does, and makes none.
import { ResourceError } from './cloud.ts';
import type { ResourceType } from './resource-type.ts';

function unplayed(type: string, properties: ResourceType['properties']): ResourceType {
  return {
    properties,
    create: () => {
      throw new ResourceError(`microcloud does not play ${type}.`, { type: 'NotSupported' });
    },
    remove: () => {},
    attribute: () => undefined,
  };
}

export const unplayedTypes: Readonly<Record<string, ResourceType>> = {
  'OS::Zun::Container': unplayed('OS::Zun::Container', {
    ...{ name: false, image: true, cpu: false, memory: false, hints: false, restart_policy: false },
    ...{ networks: false, mounts: false, environment: false },
  }),
  'OS::Neutron::FloatingIP': unplayed('OS::Neutron::FloatingIP', { floating_network: true, port_id: false }),
  // It takes whatever it is given; this is what it is given.
  'OS::Heat::None': unplayed('OS::Heat::None', { name: false, size: false, volume_type: false }),
};
