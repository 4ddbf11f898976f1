// /v2/regions/{name}/audit: what in a region nobody wishes, and which members are without a stack. Asked without a body it
// only shows; what it calls removable may be named in a second request. Nothing is removed unasked.
import type { Orphan } from '@argosy/proto';
import { z } from 'zod';
import { failureMessage } from '../conductor/region-link.ts';
import type { Federation } from '../state/federation.ts';
import { ApiError } from './errors.ts';
import { readObject } from './objects.ts';
import type { Route, RouteRequest, RouteResponse } from './route.ts';

const MAX_STACKS = 100;
const KINDS = [
  'not_deleted',
  'no_agent',
  'not_a_member',
  'duplicate',
  'unknown_member',
  'retired_member',
  'no_stack',
] as const;

const auditBody = z.strictObject({
  remove: z
    .array(z.string().min(1).max(255))
    .max(MAX_STACKS)
    .default([])
    .meta({ description: 'Ids of stacks that an audit before called removable. Their volumes go with them.' }),
});

const orphanSchema = z
  .strictObject({
    stack_id: z.string().optional().meta({ description: 'Absent for a member without a stack.' }),
    stack_name: z.string().optional(),
    stack_status: z.string().optional(),
    member_id: z.string().optional(),
    kind: z.enum(KINDS),
    why: z.string(),
    removable: z.boolean().meta({ description: 'It may be named in `remove`.' }),
    removed: z.boolean(),
    advice: z.string().optional().meta({ description: 'What else can be done.' }),
  })
  .meta({ id: 'Orphan' });

export interface AuditOptions {
  readonly federation: Federation;
  /** Undefined: this peer has no line to such a region. @throws what gRPC throws */
  readonly audit: (region: string, remove: readonly string[]) => Promise<readonly Orphan[] | undefined>;
  /** Answers when this peer leads for certain, and has applied all that was committed. @throws ApiError */
  readonly catchUp: () => Promise<void>;
}

export function auditRoute(options: AuditOptions): Route {
  return {
    name: 'regions.audit',
    method: 'POST',
    path: '/v2/regions/:name/audit',
    role: 'admin',
    summary: 'Stacks that nobody wishes, and members without one; removes those that are named',
    query: {},
    body: auditBody,
    answers: { 200: z.strictObject({ orphans: z.array(orphanSchema) }) },
    errors: ['region.not_found', 'region.silent'],
    handle: (request) => audit(request, options),
  };
}

async function audit({ parameters, body }: RouteRequest, options: AuditOptions): Promise<RouteResponse> {
  const { name = '' } = parameters;
  const { remove } = readObject(body ?? {}, auditBody);
  if (options.federation.region(name) === undefined) {
    throw new ApiError('region.not_found', `There is no region "${name}".`);
  }
  // Who leads no more would take members of which it has not heard for strangers.
  await options.catchUp();
  try {
    const orphans = await options.audit(name, remove);
    if (orphans === undefined) throw new ApiError('region.silent', `Region ${name} cannot be asked.`);
    return { status: 200, body: { orphans: orphans.map((orphan) => viewOrphan(orphan)) } };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError('region.silent', `Region ${name} does not answer: ${failureMessage(error)}`, { cause: error });
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  no_stack: 'Its volume is lost with it. "argosy cluster replace" makes another member in its place.',
  no_agent: 'Look at the server\'s console. A member that is lost is replaced with "argosy cluster replace".',
  duplicate: 'Two stacks claim one member. Find out which has the data before one is deleted by hand.',
  not_a_member: "Somebody else has made it with the federation's tag. It is left alone.",
};

function viewOrphan(orphan: Orphan): z.infer<typeof orphanSchema> {
  const { stackId, stackName, stackStatus, memberId, kind, why, removable, removed } = orphan;
  const advice = ADVICE[kind];
  return {
    ...(stackId === '' ? {} : { stack_id: stackId, stack_name: stackName, stack_status: stackStatus }),
    ...(memberId === '' ? {} : { member_id: memberId }),
    kind: KINDS.find((known) => known === kind) ?? 'not_a_member',
    ...{ why, removable, removed },
    ...(advice === undefined ? {} : { advice }),
  };
}
