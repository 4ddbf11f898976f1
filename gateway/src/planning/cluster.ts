// The plan: every step from the facts to what is wanted, found by asking again and again which steps are ready and taking
// for granted that they succeed. It is what `dry_run` shows. The conductor asks only for the ready ones, so what is
// executed is what was shown as long as the world is as it was.
import assert from 'node:assert/strict';
import { applyFact } from '../state/apply-fact.ts';
import type { Cluster } from '../state/clusters.ts';
import { expectedFact } from './expected.ts';
import { readySteps } from './ready.ts';
import type { Step } from './steps.ts';

/** More rounds than any change of the largest cluster takes. */
const MAX_ROUNDS = 500;

export interface StepInPlan extends Step {
  /** Steps with the same number can run side by side. */
  readonly round: number;
}

/** All that is missing, in an order in which it can be done. Empty: everything wanted is a fact. */
export function plan(cluster: Cluster): StepInPlan[] {
  const steps: StepInPlan[] = [];
  let imagined = cluster;
  for (let round = 1; ; round += 1) {
    assert(round <= MAX_ROUNDS, `the plan of cluster ${cluster.id} has no end`);
    const ready = readySteps(imagined);
    if (ready.length === 0) return steps;
    for (const step of ready) {
      steps.push({ ...step, round });
      imagined = applyFact(imagined, expectedFact(step, imagined));
    }
  }
}
