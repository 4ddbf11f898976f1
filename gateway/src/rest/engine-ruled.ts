// What is refused where the engine rules itself, and why: what would decide in its place, and what it does not have.
import type { DatastoreDefinition } from '@argosy/datastores';
import { type Cluster, isEngineRuled } from '../state/clusters.ts';
import type { ClusterSpec } from '../state/spec.ts';
import { ApiError, type ErrorCode, invalidField } from './errors.ts';

const REASONS = {
  'switchover.impossible':
    'it elects its own leader and every member takes writes, so there is no primary to switch over. To move a member, replace it or drain its region.',
  'failover.impossible':
    'it goes on by itself while a majority of its members is up, and nobody else may give up its writes. Bring members back; one that is lost for good is replaced.',
  'drill.impossible': 'drills measure how a primary is replaced, and it has none.',
} as const satisfies Partial<Record<ErrorCode, string>>;

/** @throws ApiError where the engine rules itself */
export function demandPrimary(cluster: Cluster, code: keyof typeof REASONS): void {
  if (!isEngineRuled(cluster)) return;
  throw new ApiError(
    code,
    `The engine of this cluster (${cluster.spec.datastore.type}) rules itself: ${REASONS[code]}`,
  );
}

/** @throws ApiError where members are wished that the engine knows nothing of, or that survive no more than fewer do */
export function demandEngineTopology(
  { topology, durability }: Pick<ClusterSpec, 'topology' | 'durability'>,
  { name, hasArbiters }: Pick<DatastoreDefinition, 'name' | 'hasArbiters'>,
): void {
  if (durability.mode !== 'engine') return;
  const { voters, replicas, arbiters } = topology;
  if (replicas > 0) {
    throw invalidField('cluster.topology.replicas', 'must be 0: the engine rules itself, and all of its members vote');
  }
  if (arbiters > 0 && hasArbiters !== true) {
    throw invalidField(
      'cluster.topology.arbiters',
      `must be 0: ${name} rules itself, and each of its members holds data; give the third region a voter`,
    );
  }
  if ((voters + arbiters) % 2 === 1) return;
  if (arbiters > 0) {
    throw invalidField(
      'cluster.topology.arbiters',
      `must be 0 beside ${voters === 1 ? 'one voter' : `${voters} voters`}: the engine decides by majority, and an odd number of votes survives as much with one fewer`,
    );
  }
  const instead = hasArbiters === true ? '; with `arbiters: 1` they survive the loss of one more' : '';
  throw invalidField(
    'cluster.topology.voters',
    `must be odd: the engine decides by majority, and ${voters} survive no more than ${voters - 1}${instead}`,
  );
}
