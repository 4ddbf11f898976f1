// An operation's steps as text: a block that is drawn again in place on a terminal, or a line for each change elsewhere.
import type { Operation, Step } from './resources.ts';
import { durationText } from './times.ts';

const MARKS: Readonly<Record<string, string>> = { PENDING: '·', RUNNING: '▸', DONE: '✓', FAILED: '✗' };

/** One line for each step, aligned; `now` tells how long the running ones take. */
export function renderSteps(operation: Operation, now: Date): string[] {
  const titles = operation.steps.map((step) => stepTitle(step, operation));
  const width = Math.max(0, ...titles.map((title) => title.length));
  return operation.steps.map((step, index) => {
    const mark = MARKS[step.status] ?? '?';
    return `  ${mark} ${(titles[index] ?? '').padEnd(width)}  ${stepState(step, now)}`.trimEnd();
  });
}

/** A line for each step that is not as it was in `before`. */
export function stepChanges(before: Operation | undefined, after: Operation): string[] {
  const known = new Map((before?.steps ?? []).map((step) => [step.id, step]));
  return after.steps
    .filter((step) => step.status !== 'PENDING' || hasTried(step))
    .filter((step) => !isSame(known.get(step.id), step))
    .map((step) => `${stepTitle(step, after)} … ${stepState(step)}`);
}

/** What an operation changes. */
export function operationTarget({ target }: Operation): { readonly id?: string; readonly name?: string } {
  if (typeof target === 'string') return { id: target };
  if (typeof target !== 'object' || target === null) return {};
  const { id, name } = target as { id?: unknown; name?: unknown };
  return { ...(typeof id === 'string' ? { id } : {}), ...(typeof name === 'string' ? { name } : {}) };
}

/** An error as the gateway tells it: a sentence, or an object that has one. */
export function errorText(error: unknown): string | undefined {
  if (error === null || error === undefined || error === '') return undefined;
  if (typeof error === 'string') return error;
  if (typeof error === 'object' && 'message' in error && typeof error.message === 'string') return error.message;
  return JSON.stringify(error);
}

/** What a step does, to whom, and where. A member's id is its cluster's with an ordinal; people know it by the name. */
function stepTitle(step: Step, operation: Operation): string {
  const { id, name } = operationTarget(operation);
  const isOurs = id !== undefined && name !== undefined && step.member?.startsWith(`${id}-`) === true;
  const member = isOurs ? `${name}${step.member?.slice(id.length)}` : step.member;
  return [step.kind, member, step.zone ?? step.region].filter(Boolean).join(' ');
}

/** Without `now`, a running step is not told how long it has been running. */
function stepState(step: Step, now?: Date): string {
  const error = errorText(step.error);
  const attempt = (step.attempts ?? 0) > 1 ? ` (attempt ${step.attempts})` : '';
  const because = error === undefined ? '' : `: ${error}`;
  switch (step.status) {
    case 'DONE':
      return `done ${elapsed(step, now)}`.trimEnd();
    case 'FAILED':
      return `failed${attempt}${because}`;
    case 'RUNNING':
      return `running ${elapsed(step, now)}`.trimEnd() + attempt;
    case 'PENDING':
      return hasTried(step) ? `will be tried again${attempt}${because}` : '';
    default:
      return step.status.toLowerCase();
  }
}

function elapsed(step: Step, now: Date | undefined): string {
  const endMs = step.finished_at ? Date.parse(step.finished_at) : now?.getTime();
  if (!step.started_at || endMs === undefined) return '';
  return durationText(endMs - Date.parse(step.started_at));
}

function hasTried(step: Step): boolean {
  return errorText(step.error) !== undefined;
}

function isSame(before: Step | undefined, after: Step): boolean {
  return before?.status === after.status && (before.attempts ?? 0) === (after.attempts ?? 0);
}
