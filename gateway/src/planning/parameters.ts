// How members come to run with the parameters that are wished. Pure. One member at a time, replicas first: a value with
// which the server does not start shows on one of them, and the primary never meets it. A primary that needs a restart
// hands over to a voter that has had its own, unless a replica needs at least what its primary has and that becomes less:
// then the primary is first, in place.
import { datastores, definitionFor, isLowered, needsRestart } from '@argosy/datastores';
import { type Cluster, isInForce, type Member } from '../state/clusters.ts';

export function hasParameters({ spec }: Cluster, { facts }: Member): boolean {
  return (facts.parameters?.generation ?? 0) === (spec.parameters?.generation ?? 0);
}

/** Whether its server must start anew; a member that was in doubt has said so. */
export function isToRestart(cluster: Cluster, { facts }: Member): boolean {
  const { parameters } = cluster.spec;
  if (parameters === undefined || facts.parameters?.generation === parameters.generation) return false;
  if (facts.restartForParameters === parameters.generation) return true;
  return needsRestart(definitionsOf(cluster), facts.parameters?.values ?? {}, parameters.values);
}

/** What becomes less on the primary must become less there first. */
export function isPrimaryFirst(cluster: Cluster, primary: Member): boolean {
  const wished = cluster.spec.parameters?.values ?? {};
  return (
    !hasParameters(cluster, primary) &&
    isLowered(definitionsOf(cluster), primary.facts.parameters?.values ?? {}, wished)
  );
}

/** Whether its server may start anew for it. One that is not in force rests, or is told when it is. */
export function mayRestart(cluster: Cluster, member: Member): boolean {
  return isInForce(cluster, member) && isToRestart(cluster, member);
}

function definitionsOf({ spec }: Cluster) {
  const definition = datastores.find(spec.datastore.type);
  return definition === undefined ? {} : definitionFor(definition, spec.durability.mode).parameters;
}
