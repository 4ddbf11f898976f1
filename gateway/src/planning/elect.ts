// The election: of the members that have promised the epoch, the one whose log reaches furthest becomes its primary,
// compared by epoch first. The last primary is among them here, so that whatever it acknowledged has been heard of.
import assert from 'node:assert/strict';
import { datastores } from '@argosy/datastores';
import { type Cluster, type Member, memberOf } from '../state/clusters.ts';
import type { Fact } from '../state/entries.ts';
import { expectedFact } from './expected.ts';
import type { Step } from './steps.ts';

/** The fact that elects; equals are decided for the candidate, then for the last primary. */
export function electedFact(step: Step, cluster: Cluster): Fact {
  if (cluster.epoch === 0) return expectedFact(step, cluster);
  const winner = [memberOf(cluster, step.ordinal), memberOf(cluster, cluster.lastElected?.ordinal)]
    .filter((member): member is Member => member?.facts.promise?.epoch === cluster.epoch)
    .reduce<Member | undefined>(
      (best, member) => (best === undefined || isFurther(cluster, member, best) ? member : best),
      undefined,
    );
  assert(winner !== undefined, 'nobody is elected who has not promised');
  return expectedFact({ ...step, ordinal: winner.ordinal }, cluster);
}

function isFurther(cluster: Cluster, left: Member, right: Member): boolean {
  const definition = datastores.find(cluster.spec.datastore.type);
  const [mine, theirs] = [left.facts.promise?.position, right.facts.promise?.position];
  assert(definition !== undefined && mine !== undefined && theirs !== undefined);
  return definition.comparePositions(mine, theirs) > 0;
}
