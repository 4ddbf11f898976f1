// An operation's steps as text: a block that is drawn again in place on a terminal, or a line for each change elsewhere.
import type { Operation, Step } from './resources.ts';
import { durationText } from './times.ts';

const MARKS: Readonly<Record<string, string>> = { PENDING: '·', RUNNING: '▸', DONE: '✓', FAILED: '✗' };

/** Turns a member's id (`<cluster id>-<ordinal>`) into the name that people know it by. */
export interface MemberNames {
  readonly clusterId: string;
  readonly clusterName: string;
}

/** One line for each step, aligned; `now` tells how long the running ones take. */
export function renderSteps(operation: Operation, now: Date, names?: MemberNames): string[] {
  const titles = operation.steps.map((step) => stepTitle(step, names));
  const width = Math.max(0, ...titles.map((title) => title.length));
  return operation.steps.map((step, index) => {
    const mark = MARKS[step.status] ?? '?';
    return `  ${mark} ${(titles[index] ?? '').padEnd(width)}  ${stepState(step, now)}`.trimEnd();
  });
}

/** A line for each step that is not as it was in `before`. */
export function stepChanges(before: Operation | undefined, after: Operation, now: Date, names?: MemberNames): string[] {
  const known = new Map((before?.steps ?? []).map((step) => [step.id, step]));
  return after.steps
    .filter((step) => step.status !== 'PENDING' || hasTried(step))
    .filter((step) => !isSame(known.get(step.id), step))
    .map((step) => `${stepTitle(step, names)} … ${stepState(step, now)}`);
}

/** An error as the gateway tells it: a sentence, or an object that has one. */
export function errorText(error: unknown): string | undefined {
  if (error === null || error === undefined || error === '') return undefined;
  if (typeof error === 'string') return error;
  if (typeof error === 'object' && 'message' in error && typeof error.message === 'string') return error.message;
  return JSON.stringify(error);
}

function stepTitle(step: Step, names: MemberNames | undefined): string {
  const member = step.member ?? undefined;
  const prefix = names === undefined ? undefined : `${names.clusterId}-`;
  const name =
    member !== undefined && prefix !== undefined && member.startsWith(prefix)
      ? `${names?.clusterName}-${member.slice(prefix.length)}`
      : member;
  return [step.kind, name, step.zone ?? step.region].filter((part) => part !== undefined && part !== null).join(' ');
}

function stepState(step: Step, now: Date): string {
  const error = errorText(step.error);
  const attempt = (step.attempts ?? 0) > 1 ? ` (attempt ${step.attempts})` : '';
  switch (step.status) {
    case 'DONE':
      return ['done', elapsed(step, now)].filter((part) => part !== undefined).join(' ');
    case 'FAILED':
      return `failed${attempt}${error === undefined ? '' : `: ${error}`}`;
    case 'RUNNING':
      return ['running', elapsed(step, now)].filter((part) => part !== undefined).join(' ') + attempt;
    case 'PENDING':
      return hasTried(step) ? `will be tried again${attempt}${error === undefined ? '' : `: ${error}`}` : '';
    default:
      return step.status.toLowerCase();
  }
}

function elapsed(step: Step, now: Date): string | undefined {
  if (step.started_at === null || step.started_at === undefined) return undefined;
  const end = step.finished_at ?? undefined;
  if (end === undefined && step.status !== 'RUNNING') return undefined;
  const endMs = end === undefined ? now.getTime() : Date.parse(end);
  return durationText(endMs - Date.parse(step.started_at));
}

function hasTried(step: Step): boolean {
  return errorText(step.error) !== undefined;
}

function isSame(before: Step | undefined, after: Step): boolean {
  return before?.status === after.status && (before.attempts ?? 0) === (after.attempts ?? 0);
}
