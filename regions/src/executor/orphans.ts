// What of the region somebody should look at: stacks that nobody wishes, and members without one. What is wished is known
// by the gateway, which tells it when it asks; without its word only what the region sees by itself is found.
import { AgentState, type KnownCluster, type KnownMember } from '@argosy/proto';
import type { StackSummary } from '../openstack/heat.ts';
import type { SeenMember } from './region-watch.ts';
import { clusterOfGroup } from './server-groups.ts';
import { memberOfStack } from './stack-request.ts';
import type { Stray } from './strays.ts';

/** An agent that was not reached for so long is not booting any more. */
const AGENT_MISSING_AFTER_MS = 15 * 60_000;

/**
 * `not_deleted`: a stack whose delete failed. `no_agent`: nobody answers for a member. `not_a_member`: tagged as ours, and
 * unreadable as a member's stack. `duplicate`: another stack says that it is the same member. `unknown_member`: of a
 * cluster that the gateway does not have. `retired_member`: of a member that was given up. `no_stack`: a member that was
 * made, and has none. `unknown_group`: a server group of a cluster that the gateway does not have. `lost_server`: a server
 * that Heat has lost; what is shown is the stack by which it is remembered.
 */
export type OrphanKind =
  | 'not_deleted'
  | 'no_agent'
  | 'not_a_member'
  | 'duplicate'
  | 'unknown_member'
  | 'retired_member'
  | 'no_stack'
  | 'unknown_group'
  | 'lost_server';

/** Those that a repair may remove: nobody will ask for what is in them. */
const REMOVABLE: readonly OrphanKind[] = [
  'not_deleted',
  'unknown_member',
  'retired_member',
  'unknown_group',
  'lost_server',
];

export interface OrphanFound {
  /** Undefined for a member without one. */
  readonly stack: StackSummary | undefined;
  readonly memberId: string | undefined;
  readonly kind: OrphanKind;
  readonly why: string;
}

/** What the gateway knows of the region. */
export interface KnownToGateway {
  readonly members: readonly KnownMember[];
  readonly clusters: readonly KnownCluster[];
}

export interface Listing {
  readonly federation: string;
  /** Every stack with the federation's tag. */
  readonly tagged: readonly StackSummary[];
  /** Those of them that are members. */
  readonly members: readonly SeenMember[];
  readonly now: Date;
}

export function isRemovable({ kind, stack }: OrphanFound): boolean {
  return stack !== undefined && REMOVABLE.includes(kind);
}

/** Groups that no cluster of the gateway's needs. */
export function findGroups(federation: string, groups: readonly StackSummary[], known: KnownToGateway): OrphanFound[] {
  return groups.flatMap((stack): OrphanFound[] => {
    const cluster = clusterOfGroup(federation, stack);
    if (known.clusters.some(({ clusterId }) => clusterId === cluster)) return [];
    return [{ stack, memberId: undefined, kind: 'unknown_group', why: `The gateway has no cluster ${cluster}.` }];
  });
}

export function lostServers(strays: readonly Stray[]): OrphanFound[] {
  return strays.map(({ serverId, memberId, stack }) => {
    const why =
      `Heat asked for server ${serverId} and forgot it. A repair removes it where Heat may adopt (enable_stack_adopt); ` +
      `otherwise: openstack server delete ${serverId}`;
    return { stack, memberId, kind: 'lost_server', why };
  });
}

export function findOrphans(listing: Listing, known?: KnownToGateway): OrphanFound[] {
  const found = listing.tagged.flatMap((stack) => orphanOf(stack, listing, known) ?? []);
  return known === undefined ? found : [...found, ...withoutStack(listing, known)];
}

function orphanOf(stack: StackSummary, listing: Listing, known: KnownToGateway | undefined): OrphanFound | undefined {
  const { members, federation, now } = listing;
  const member = members.find((seen) => seen.stack.id === stack.id);
  const memberId = member?.memberId ?? memberOfStack(federation, stack.name);
  const orphan = (kind: OrphanKind, why: string): OrphanFound => ({ stack, memberId, kind, why });
  if (stack.status === 'DELETE_FAILED' && !isKnown(memberId, known)) return orphan('not_deleted', stack.reason);
  const unwished = known === undefined ? undefined : unwishedBy(memberId, known);
  if (unwished !== undefined) return orphan(...unwished);
  if (member === undefined) return orphan('not_a_member', 'Its name or its parameters are not those of a member.');
  const twin = members.find((other) => other.memberId === member.memberId && other.stack.id !== stack.id);
  if (twin !== undefined) return orphan('duplicate', `${twin.stack.name} is the same member.`);
  const isSilent = member.agent.state !== AgentState.REACHABLE;
  if (!isSilent || now.getTime() - member.agentSince.getTime() < AGENT_MISSING_AFTER_MS) return undefined;
  const detail = member.agent.detail === '' ? 'Its agent has not enrolled.' : member.agent.detail;
  return orphan('no_agent', `${detail} Since ${member.agentSince.toISOString()}.`);
}

/** A member that the gateway is about to remove may fail to be deleted once: the gateway asks again by itself. */
function isKnown(memberId: string | undefined, known: KnownToGateway | undefined): boolean {
  return known?.members.some((member) => member.memberId === memberId) === true;
}

function unwishedBy(memberId: string | undefined, known: KnownToGateway): [OrphanKind, string] | undefined {
  if (memberId === undefined || isKnown(memberId, known)) return undefined;
  const [, clusterId = '', ordinal = ''] = /^(.+)-(\d+)$/.exec(memberId) ?? [];
  if (clusterId === '') return undefined;
  const cluster = known.clusters.find((each) => each.clusterId === clusterId);
  if (cluster === undefined) return ['unknown_member', `The gateway has no cluster ${clusterId}.`];
  if (Number(ordinal) < cluster.nextOrdinal) return ['retired_member', 'The gateway has given this member up.'];
  return ['unknown_member', `Cluster ${clusterId} has had no member ${ordinal}.`];
}

function withoutStack({ federation, tagged }: Listing, known: KnownToGateway): OrphanFound[] {
  const there = new Set(tagged.map(({ name }) => memberOfStack(federation, name)));
  return known.members.flatMap(({ memberId, placed }): OrphanFound[] =>
    !placed || there.has(memberId)
      ? []
      : [{ stack: undefined, memberId, kind: 'no_stack', why: 'It was made, and Heat has no stack of it any more.' }],
  );
}
