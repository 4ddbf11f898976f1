// The datastores by name. A new engine is one line here, and one in drivers.ts.
import type { DatastoreDefinition } from './definition.ts';
import { mariadb } from './mariadb/definition.ts';
import { postgresql } from './postgresql/definition.ts';

/** How many letters a name may be off and still be taken for a slip of the pen. */
const MAX_SLIPS = 4;

export interface Datastores {
  readonly all: readonly DatastoreDefinition[];
  find(name: string): DatastoreDefinition | undefined;
  /** The known name that is nearest to an unknown one, to be offered in an error; undefined when none is near. */
  nearest(name: string): string | undefined;
}

export const datastores: Datastores = registryOf([postgresql, mariadb]);

export function registryOf(all: readonly DatastoreDefinition[]): Datastores {
  return {
    all,
    find: (name) => all.find((definition) => definition.name === name),
    nearest: (name) => {
      const near = all
        .map((definition) => ({ name: definition.name, slips: distance(name.toLowerCase(), definition.name) }))
        .filter(({ name: known, slips }) => slips <= MAX_SLIPS || known.startsWith(name.toLowerCase()))
        .sort((left, right) => left.slips - right.slips);
      return name === '' ? undefined : near[0]?.name;
    },
  };
}

/** Levenshtein's: how many letters to add, drop or change. */
function distance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const change = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(change, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
