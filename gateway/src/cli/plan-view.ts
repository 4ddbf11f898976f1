// A plan for people: where the members will be, why, and what will be done in which order.
import type { Plan } from './resources.ts';
import { renderTable } from './tables.ts';

export function renderPlan(plan: Plan): string {
  const members = renderTable(
    ['member', 'kind', 'site'],
    plan.placement.members.map(({ member, kind, region, zone }) => [member, kind, zone ?? region]),
  );
  const steps = renderTable(
    ['', 'step', 'member', 'region', ''],
    plan.steps.map(({ round, kind, member, region, blocked }) => [
      String(round),
      kind,
      member,
      region ?? '',
      blocked === undefined || blocked === null ? '' : `waits: ${blocked}`,
    ]),
  );
  return [
    ...(plan.placement.members.length === 0 ? [] : [members]),
    ...plan.placement.reasons,
    ...(plan.steps.length === 0
      ? ['There is nothing to do.']
      : ['Steps; those with one number run side by side:', steps]),
    `Nothing was changed. To do just this: the same command with --plan-hash ${plan.plan_hash}`,
  ].join('\n');
}
