// Reads what `PATCH` changes of what is wanted. Only what is given changes; what cannot be changed yet is refused by name.
import { isDeepStrictEqual } from 'node:util';
import type { DatastoreDefinition } from '@argosy/datastores';
import { z } from 'zod';
import type { ClusterSpec } from '../state/spec.ts';
import { demandEngineTopology } from './engine-ruled.ts';
import { ApiError, invalidField } from './errors.ts';
import {
  arbiterCount,
  demandFewVoters,
  demandUseOfArbiters,
  demandUseOfDurability,
  durabilityMode,
  flavorName,
  names,
  onLoss,
  onReplicaLoss,
  replicaCount,
  rpoSeconds,
  survival,
  topologyMode,
  volumeSize,
  voterCount,
} from './new-cluster.ts';
import { readObject } from './objects.ts';
import { changedParameters, changeParameters } from './parameters.ts';

export const changedCluster = z.strictObject({
  cluster: z.strictObject({
    flavor: flavorName.optional(),
    volume: z.strictObject({ size: volumeSize }).optional(),
    topology: z
      .strictObject({
        voters: voterCount.optional(),
        replicas: replicaCount.optional(),
        arbiters: arbiterCount.optional(),
        mode: topologyMode.optional(),
      })
      .optional(),
    placement: z
      .strictObject({ survive: survival.optional(), regions: names.optional(), residency: names.optional() })
      .optional(),
    durability: z
      .strictObject({
        mode: durabilityMode.optional(),
        on_loss: onLoss.optional(),
        rpo_seconds: rpoSeconds.optional(),
        on_replica_loss: onReplicaLoss.optional(),
      })
      .optional(),
    datastore: z.strictObject({ version: z.string() }).optional(),
    parameters: changedParameters.optional(),
  }),
});

/** @throws ApiError request.invalid, parameter.unknown, parameter.reserved, cluster.unchanged */
export function changeSpec(spec: ClusterSpec, body: unknown, definition: DatastoreDefinition): ClusterSpec {
  const { flavor, volume, topology, placement, durability, datastore, ...rest } = readObject(
    body,
    changedCluster,
  ).cluster;
  if (datastore !== undefined && datastore.version !== spec.datastore.version) {
    throw invalidField('cluster.datastore.version', 'upgrades are not there yet');
  }
  if (volume !== undefined && volume.size < spec.volume.size) {
    throw invalidField('cluster.volume.size', `a volume cannot shrink; it has ${spec.volume.size} GiB`);
  }
  const parameters = changeParameters(spec.parameters, rest.parameters, definition);
  const changed: ClusterSpec = {
    ...spec,
    flavor: flavor ?? spec.flavor,
    volume: volume ?? spec.volume,
    topology: { ...spec.topology, ...given(topology) },
    placement: { ...spec.placement, ...given(placement) },
    durability: { ...spec.durability, ...given(durability) },
    ...(parameters === undefined ? {} : { parameters }),
  };
  if (changed.durability.mode !== spec.durability.mode) {
    throw invalidField('cluster.durability.mode', `cannot be changed: the cluster was made "${spec.durability.mode}"`);
  }
  if (changed.topology.mode !== spec.topology.mode) {
    throw invalidField('cluster.topology.mode', 'cannot be changed: it says how the members copy each other');
  }
  demandUseOfDurability(changed.durability);
  demandFewVoters(changed.topology, definition);
  demandEngineTopology(changed, definition);
  demandUseOfArbiters(changed);
  if (isDeepStrictEqual(changed, spec)) throw new ApiError('cluster.unchanged', 'The cluster is as wished already.');
  return changed;
}

/** Without what was not given. */
function given<Fields extends object>(
  fields: Fields | undefined,
): { [Name in keyof Fields]: Exclude<Fields[Name], undefined> } {
  const entries = Object.entries(fields ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Fields]: Exclude<Fields[Name], undefined> };
}
