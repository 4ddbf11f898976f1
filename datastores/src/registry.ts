// The datastores by name. A new engine is one line here, and one in drivers.ts.
import type { DatastoreDefinition } from './definition.ts';
import { etcd } from './etcd/definition.ts';
import { mariadb } from './mariadb/definition.ts';
import { nearestOf } from './nearest.ts';
import { postgresql } from './postgresql/definition.ts';
import { redis } from './redis/definition.ts';

export interface Datastores {
  readonly all: readonly DatastoreDefinition[];
  find(name: string): DatastoreDefinition | undefined;
  /** The known name that is nearest to an unknown one, to be offered in an error; undefined when none is near. */
  nearest(name: string): string | undefined;
}

export const datastores: Datastores = registryOf([postgresql, redis, mariadb, etcd]);

export function registryOf(all: readonly DatastoreDefinition[]): Datastores {
  return {
    all,
    find: (name) => all.find((definition) => definition.name === name),
    nearest: (name) =>
      nearestOf(
        all.map((definition) => definition.name),
        name,
      ),
  };
}
