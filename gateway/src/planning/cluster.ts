// The planner: which steps lead from the facts to what is wanted. A pure function, asked again whenever a fact changes;
// what is true already needs no step, so there is neither undo nor resume. A failed create wishes nothing, and the plan
// from wherever it stopped to nothing is a list of removals.
import { type Cluster, type Member, memberOf, type Rule, wantedMembers } from '../state/clusters.ts';
import type { Step, StepKind } from './steps.ts';

/** The steps that are missing, each with those of the plan that come before it. Empty: everything wanted is a fact. */
export function plan(cluster: Cluster): Step[] {
  const removals = cluster.members
    .filter(({ isRetired }) => isRetired)
    .map((member) => step('remove_member', member, []));
  return cluster.wanted === 'absent' ? removals : [...planPresence(cluster), ...removals];
}

/** The rule with which the first primary begins: every voter, and a majority of them for each commit. */
export function firstRule(cluster: Cluster): Rule {
  const voters = votersOf(cluster).map(({ ordinal }) => ordinal);
  return { epoch: cluster.epoch + 1, generation: 1, voters, acknowledgements: Math.floor(voters.length / 2) };
}

function planPresence(cluster: Cluster): Step[] {
  const steps: Step[] = wantedMembers(cluster)
    .filter(({ facts }) => facts.address === undefined)
    .map((member) => step('ensure_member', member, []));

  const candidate = memberOf(cluster, cluster.primary) ?? firstCandidate(cluster);
  if (candidate === undefined) return steps;

  const placed = (members: readonly Member[]): string[] => idsOf(steps, 'ensure_member', members);
  if (candidate.facts.isInitialised !== true && cluster.epoch <= 1) {
    steps.push(step('initialise', candidate, placed([candidate])));
  }
  if (cluster.primary === undefined) {
    steps.push(step('elect', candidate, [...placed(votersOf(cluster)), ...idsOf(steps, 'initialise', [candidate])]));
  }
  const mark = cluster.rule === undefined ? '1.1' : `${cluster.epoch}.${cluster.rule.generation}`;
  if (!isPrimaryOf(cluster, candidate)) {
    steps.push(step('promote', candidate, idsOf(steps, ['elect', 'initialise', 'ensure_member'], [candidate]), mark));
  }
  planReplicas(cluster, candidate, mark, steps);

  if (cluster.openedEpoch < Math.max(cluster.epoch, 1)) {
    steps.push(
      step(
        'open',
        candidate,
        [...idsOf(steps, 'promote', [candidate]), ...idsOf(steps, 'follow', votersOf(cluster))],
        mark,
      ),
    );
  }
  return steps;
}

function planReplicas(cluster: Cluster, primary: Member, mark: string, steps: Step[]): void {
  for (const member of wantedMembers(cluster)) {
    if (member.ordinal === primary.ordinal || member.kind === 'arbiter') continue;
    if (member.facts.seededInEpoch === undefined) {
      steps.push(
        step('seed', member, [...idsOf(steps, 'ensure_member', [member]), ...idsOf(steps, 'promote', [primary])]),
      );
    }
    if (!isFollowing(cluster, member)) {
      steps.push(
        step('follow', member, [...idsOf(steps, 'seed', [member]), ...idsOf(steps, 'promote', [primary])], mark),
      );
    }
  }
}

/** Who becomes the first primary: a voter that is initialised already, else the one with the lowest ordinal. */
function firstCandidate(cluster: Cluster): Member | undefined {
  const voters = votersOf(cluster);
  return voters.find(({ facts }) => facts.isInitialised === true) ?? voters[0];
}

function votersOf(cluster: Cluster): readonly Member[] {
  return wantedMembers(cluster).filter(({ kind }) => kind === 'voter');
}

function isPrimaryOf(cluster: Cluster, { facts }: Member): boolean {
  return facts.role === 'primary' && isInForce(cluster, facts);
}

function isFollowing(cluster: Cluster, { facts }: Member): boolean {
  return facts.role === 'replica' && isInForce(cluster, facts);
}

function isInForce(cluster: Cluster, facts: Member['facts']): boolean {
  return cluster.epoch > 0 && facts.epoch === cluster.epoch && facts.generation === cluster.rule?.generation;
}

function step(kind: StepKind, member: Member, after: readonly string[], mark?: string): Step {
  const id = mark === undefined ? `${kind}/${member.ordinal}` : `${kind}/${member.ordinal}/${mark}`;
  return { id, kind, ordinal: member.ordinal, region: member.region, after };
}

function idsOf(steps: readonly Step[], kinds: StepKind | readonly StepKind[], members: readonly Member[]): string[] {
  const ordinals = new Set(members.map(({ ordinal }) => ordinal));
  return steps
    .filter(({ kind, ordinal }) => [kinds].flat().includes(kind) && ordinals.has(ordinal))
    .map(({ id }) => id);
}
