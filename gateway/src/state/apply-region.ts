// How the entries about regions change the state: they join, leave, are drained, and are heard of.
import { type Applied, type EntryOf, refuse } from './entries.ts';
import type { JoinedRegion } from './regions.ts';
import type { Tables } from './tables.ts';

export function addRegion(tables: Tables, { region, at }: EntryOf<'region.added'>): Applied {
  const { name } = region;
  // Asked for twice: it is as wished.
  if (isSame(tables.joined.get(name), region)) return {};
  if (tables.joined.has(name) || tables.regions.has(name)) {
    return refuse('region.name_taken', `A region called "${name}" is in the federation already.`);
  }
  tables.joined.set(name, region);
  tables.left.delete(name);
  const unheard = { provider: '', jurisdiction: '', zones: [], flavors: [] };
  const detail = 'It has not been heard of yet.';
  tables.regions.set(name, { name, ...unheard, status: 'UNREACHABLE', detail, updatedAt: at });
  return {};
}

function isSame(known: JoinedRegion | undefined, { executors, keystone }: JoinedRegion): boolean {
  return known !== undefined && known.keystone === keystone && known.executors.join() === executors.join();
}

/** Ids never return, and neither does what is known of a member: a region leaves when nothing is there any more. */
export function removeRegion(tables: Tables, { name }: EntryOf<'region.removed'>): Applied {
  const clusters = [...tables.clusters.values()].filter(({ members }) => members.some(({ region }) => region === name));
  if (clusters.length > 0) {
    const some = clusters.slice(0, MAX_NAMED).map((cluster) => `${cluster.name} (${cluster.id})`);
    const more = clusters.length > MAX_NAMED ? `, and ${clusters.length - MAX_NAMED} more` : '';
    const message = `Members of these clusters are in ${name}: ${some.join(', ')}${more}. Drain it, and move them first.`;
    return refuse('region.in_use', message);
  }
  tables.joined.delete(name);
  tables.regions.delete(name);
  tables.drained.delete(name);
  tables.left.add(name);
  return {};
}

const MAX_NAMED = 5;

export function drainRegion(tables: Tables, { name, isDrained }: EntryOf<'region.drained'>): Applied {
  if (tables.left.has(name)) return refuse('region.not_found', `There is no region "${name}".`);
  if (isDrained) tables.drained.add(name);
  else tables.drained.delete(name);
  return {};
}

/** What is heard of a region after it left counts no more. */
export function observeRegion(tables: Tables, { region, at }: EntryOf<'region.observed'>): Applied {
  if (tables.left.has(region.name)) return refuse('region.not_found', 'The region left.');
  tables.regions.set(region.name, { ...region, updatedAt: at });
  return {};
}
