// Reads what a tenant wishes: every field is known, typed and bounded, what is missing has a default, and what Argosy
// cannot do yet is refused by name, never ignored.
import {
  type DatastoreDefinition,
  type Datastores,
  definitionFor,
  isRuledMode,
  nearestOf,
  topologyModes,
} from '@argosy/datastores';
import { z } from 'zod';
import { DEFAULT_RPO_SECONDS } from '../planning/rule.ts';
import { type ClusterSpec, goesOnWithFewer, type Survive } from '../state/spec.ts';
import { unknownDatastore } from './datastores.ts';
import { demandEngineTopology } from './engine-ruled.ts';
import { ApiError, invalidField } from './errors.ts';
import { readObject } from './objects.ts';
import { changeParameters, newParameters } from './parameters.ts';

const MAX_VOTERS = 7;
const MAX_REPLICAS = 8;
const MAX_ARBITERS = 1;
const MAX_VOLUME_GIB = 16_384;
const MAX_NAMES = 64;
const MAX_RPO_SECONDS = 3_600;
const DEFAULT_VOTERS = 3;

export const clusterName = z
  .string()
  .regex(
    /^[a-zA-Z][a-zA-Z0-9_.-]{0,62}$/,
    'must start with a letter and hold at most 63 letters, digits, ".", "_" and "-"',
  );
export const names = z.array(z.string().min(1).max(255)).max(MAX_NAMES);
export const flavorName = z.string().min(1).max(255);
export const volumeSize = z.int().min(1).max(MAX_VOLUME_GIB);
export const voterCount = z.int().min(1).max(MAX_VOTERS);
export const replicaCount = z.int().min(0).max(MAX_REPLICAS);
export const arbiterCount = z.int().min(0).max(MAX_ARBITERS);
export const topologyMode = z.string().min(1).max(64).meta({
  description: 'Who is primary, of those that the datastore knows: `GET /v2/datastores/{type}`.',
});
export const onLoss = z.enum(['refuse', 'degrade']).meta({
  description:
    'With too few voters left: commits wait for them, or the survivors go on with fewer copies, which is shown as exposed.',
});
export const durabilityMode = z.enum(['quorum', 'async', 'engine']).meta({
  description: '`engine`: the engine has a quorum of its own, and nothing else can be chosen.',
});
export const rpoSeconds = z.int().min(1).max(MAX_RPO_SECONDS).meta({
  description:
    'Of `async`: nothing is acknowledged while what too few voters have confirmed is older. What a failover may lose.',
});
export const onReplicaLoss = z.enum(['refuse', 'expose']).meta({
  description:
    'Of `async`, with no voter left to confirm: writes wait, or go on with no bound, which is shown as exposed.',
});
export const survival = z.enum(['host', 'zone', 'region', 'provider']);

export const newCluster = z.strictObject({
  cluster: z.strictObject({
    name: clusterName,
    datastore: z.strictObject({ type: z.string().min(1).max(64), version: z.string().min(1).max(32).optional() }),
    flavor: flavorName.default('small'),
    volume: z.strictObject({ size: volumeSize }).default({ size: 1 }),
    topology: z
      .strictObject({
        voters: voterCount.default(DEFAULT_VOTERS),
        replicas: replicaCount.default(0),
        arbiters: arbiterCount.default(0),
        mode: topologyMode.optional(),
      })
      .default({ voters: DEFAULT_VOTERS, replicas: 0, arbiters: 0 }),
    placement: z
      .strictObject({ survive: survival.optional(), regions: names.default([]), residency: names.default([]) })
      .default({ regions: [], residency: [] }),
    durability: z
      .strictObject({
        mode: durabilityMode.optional(),
        on_loss: onLoss.optional(),
        rpo_seconds: rpoSeconds.optional(),
        on_replica_loss: onReplicaLoss.optional(),
      })
      .default({}),
    parameters: newParameters.optional(),
  }),
});

export interface NewCluster {
  readonly name: string;
  readonly spec: ClusterSpec;
}

/** @throws ApiError request.invalid, datastore.unknown, datastore.version_unknown */
export function readNewCluster(body: unknown, datastores: Datastores): NewCluster {
  const { cluster } = readObject(body, newCluster);
  const known = datastores.find(cluster.datastore.type);
  if (known === undefined) {
    throw new ApiError('datastore.unknown', unknownDatastore(cluster.datastore.type, datastores));
  }
  const version = cluster.datastore.version ?? known.defaultVersion;
  if (!known.versions.includes(version)) {
    const supported = known.versions.join(', ');
    throw new ApiError(
      'datastore.version_unknown',
      `${known.name} ${version} is not supported; supported: ${supported}.${hintOf(known.versions, version)}`,
    );
  }
  const { name, placement, parameters: given, topology: asked, ...rest } = cluster;
  const durability = durabilityOf(withTopologyMode(rest.durability, asked.mode, known), known);
  const definition = definitionFor(known, durability.mode);
  const topology = topologyOf(asked, durability, known);
  demandFewVoters(topology, definition);
  demandEngineTopology({ topology, durability }, definition);
  demandUseOfArbiters({ topology, durability });
  const survive = placement.survive ?? defaultSurvival({ topology, durability });
  const parameters = changeParameters(undefined, given, definition);
  return {
    name,
    spec: {
      ...{ ...rest, datastore: { type: definition.name, version }, topology, durability },
      placement: { ...placement, survive },
      ...(parameters === undefined ? {} : { parameters }),
    },
  };
}

type GivenDurability = Omit<ClusterSpec['durability'], 'mode'> & {
  readonly mode?: ClusterSpec['durability']['mode'] | undefined;
};

function hintOf(known: readonly string[], given: string): string {
  const nearest = nearestOf(known, given);
  return nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
}

/** Who is primary says how it commits. @throws ApiError where the datastore does not know it, or it is said otherwise */
function withTopologyMode(
  durability: GivenDurability,
  mode: string | undefined,
  definition: DatastoreDefinition,
): GivenDurability {
  if (mode === undefined) return durability;
  const modes = topologyModes(definition);
  if (!modes.includes(mode)) {
    const known = `${definition.name} has no "${mode}"; there is ${modes.join(' and ')}.${hintOf(modes, mode)}`;
    throw invalidField('cluster.topology.mode', known);
  }
  const isRuled = isRuledMode(definition, mode);
  if (durability.mode !== undefined && (durability.mode === 'engine') !== isRuled) {
    const reason = isRuled ? 'the engine has a quorum of its own, and is asked for nothing else' : 'Argosy elects';
    throw invalidField(
      'cluster.durability.mode',
      `"${durability.mode}" does not go with topology.mode "${mode}": ${reason}`,
    );
  }
  return isRuled ? { ...durability, mode: 'engine' } : durability;
}

/** With the mode where it is not the datastore's first. */
function topologyOf(
  { mode: _asked, ...counts }: ClusterSpec['topology'],
  { mode }: ClusterSpec['durability'],
  { ruled }: DatastoreDefinition,
): ClusterSpec['topology'] {
  return mode === 'engine' && ruled !== undefined ? { ...counts, mode: ruled.mode } : counts;
}

/** What is not said has a default, and what is said for nothing is refused. @throws ApiError */
function durabilityOf(
  { mode: wished, ...options }: GivenDurability,
  { name, commitModes }: DatastoreDefinition,
): ClusterSpec['durability'] {
  const mode = wished ?? (options.rpo_seconds === undefined ? commitModes[0] : 'async') ?? 'quorum';
  if (!commitModes.includes(mode)) {
    const known = commitModes.map((each) => (each === 'engine' ? 'a quorum of its own (engine)' : each));
    throw invalidField('cluster.durability.mode', `${name} commits by ${known.join(' or ')}, not by ${mode}`);
  }
  const durability = { ...options, mode };
  demandUseOfDurability(durability);
  return mode !== 'async' ? durability : { ...durability, rpo_seconds: options.rpo_seconds ?? DEFAULT_RPO_SECONDS };
}

/** @throws ApiError where something is wished that the mode does not know */
export function demandUseOfDurability(durability: ClusterSpec['durability']): void {
  const { mode, on_loss, rpo_seconds, on_replica_loss } = durability;
  const foreign = {
    ...(mode === 'quorum' ? {} : { on_loss }),
    ...(mode === 'async' ? {} : { rpo_seconds, on_replica_loss }),
  };
  const [found] = Object.entries(foreign).find(([, value]) => value !== undefined) ?? [];
  if (found === undefined) return;
  throw invalidField(`cluster.durability.${found}`, `is of no use where durability.mode is "${mode}"`);
}

/** Fewer than three voters survive the loss of none, so nothing is promised unless it is asked for. */
function defaultSurvival({ topology, durability }: Pick<ClusterSpec, 'topology' | 'durability'>): Survive {
  const isDegrading = goesOnWithFewer({ topology, durability }) && topology.voters + topology.arbiters > 2;
  return topology.voters < 3 && !isDegrading ? 'host' : 'region';
}

/** @throws ApiError where the engine cannot wait for so many */
export function demandFewVoters({ voters }: ClusterSpec['topology'], { mostVoters }: DatastoreDefinition): void {
  if (mostVoters === undefined || voters <= mostVoters.count) return;
  const { count, reason } = mostVoters;
  throw invalidField('cluster.topology.voters', `must be at most ${count}: ${reason}; more copies are \`replicas\``);
}

/** @throws ApiError where an arbiter would be there for nothing */
export function demandUseOfArbiters({ topology, durability }: Pick<ClusterSpec, 'topology' | 'durability'>): void {
  if (topology.arbiters === 0 || (topology.voters % 2 === 0 && goesOnWithFewer({ topology, durability }))) return;
  throw invalidField(
    'cluster.topology.arbiters',
    'an arbiter holds no data and so acknowledges no commit: it is of use beside an even number of voters whose `durability.on_loss` is "degrade" or whose `durability.mode` is "async"',
  );
}
