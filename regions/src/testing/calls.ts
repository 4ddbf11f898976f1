// The executor's methods as tests call them.
import {
  type CommandHeader,
  callUnary,
  type EnsureMemberResponse,
  type ExecutorServiceClient,
  type MemberObservation,
  type MemberSpec,
  type ObserveResponse,
  type RegionReport,
} from '@argosy/proto';
import type { ServiceError } from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';

const LIMIT_MS = 60_000;

export const deadline = (limitMs = LIMIT_MS): Date => new Date(Date.now() + limitMs);

export function ensure(
  to: ExecutorServiceClient,
  member: MemberSpec,
  limitMs = LIMIT_MS,
): Promise<EnsureMemberResponse> {
  return callUnary(to.ensureMember.bind(to), { header: undefined, member }, { deadline: deadline(limitMs) });
}

export function header(memberId: string): CommandHeader {
  const clusterId = memberId.replace(/-\d+$/, '');
  return { clusterId, memberId, epoch: 0, generation: 0, specRevision: 0, term: 0, idempotencyKey: '', requestId: '' };
}

export async function remove(to: ExecutorServiceClient, memberId: string): Promise<boolean> {
  const request = { header: header(memberId) };
  return (await callUnary(to.removeMember.bind(to), request, { deadline: deadline() })).existed;
}

/** The code and the words of a refusal. */
export async function refusal(call: Promise<unknown>): Promise<{ code: number; details: string }> {
  try {
    await call;
  } catch (error) {
    const { code, details } = error as ServiceError;
    return { code, details };
  }
  throw new Error('The call was not refused.');
}

export interface Watched {
  readonly told: readonly NonNullable<ObserveResponse['observation']>[];
  newest(memberId: string): MemberObservation | undefined;
  region(): RegionReport | undefined;
}

/** Watches a region; what has been told so far is in `told`. */
export function watch(t: ExecutionContext, to: ExecutorServiceClient): Watched {
  const told: NonNullable<ObserveResponse['observation']>[] = [];
  const stream = to.observe({ peers: [] });
  stream.on('data', ({ observation }: ObserveResponse) => {
    if (observation !== undefined) told.push(observation);
  });
  stream.on('error', () => {});
  t.teardown(() => stream.cancel());
  const newest = (memberId: string): MemberObservation | undefined =>
    told.flatMap((one) => (one.$case === 'member' && one.value.memberId === memberId ? [one.value] : [])).at(-1);
  const region = (): RegionReport | undefined =>
    told.flatMap((one) => (one.$case === 'region' ? [one.value] : [])).at(-1);
  return { told, newest, region };
}

type Body = Readonly<Record<string, unknown>>;

/** The admin API, with this token. */
export function callAs(token: string, port: number) {
  return async (path: string, method = 'GET', body?: unknown): Promise<{ code: number; text: string; body: Body }> => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const url = `http://127.0.0.1:${port}${path}`;
    const answer = await fetch(url, { method, headers: { 'x-auth-token': token }, ...sent });
    const text = await answer.text();
    return { code: answer.status, text, body: text.startsWith('{') ? (JSON.parse(text) as Body) : {} };
  };
}
