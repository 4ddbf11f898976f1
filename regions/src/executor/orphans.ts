// Stacks of ours that somebody should look at. What the gateway wishes is not known here: a healthy stack that nobody
// wishes is found by comparing the listings of both, not by this.
import { AgentState } from '@argosy/proto';
import type { StackSummary } from '../openstack/heat.ts';
import type { SeenMember } from './region-watch.ts';

/** An agent that was not reached for so long is not booting any more. */
const AGENT_MISSING_AFTER_MS = 15 * 60_000;

export interface Orphan {
  readonly stack: StackSummary;
  readonly memberId: string | undefined;
  /** `not_deleted`: its delete failed. `no_agent`: nobody answers for it. `not_a_member`: tagged as ours, and unreadable
   * as a member's stack. `duplicate`: another stack says that it is the same member. */
  readonly kind: 'not_deleted' | 'no_agent' | 'not_a_member' | 'duplicate';
  readonly why: string;
}

/** `tagged`: every stack with the federation's tag. `members`: those of them that are members. */
export function findOrphans(tagged: readonly StackSummary[], members: readonly SeenMember[], now: Date): Orphan[] {
  return tagged.flatMap((stack): Orphan[] => {
    const member = members.find((seen) => seen.stack.id === stack.id);
    const orphan = (kind: Orphan['kind'], why: string): Orphan[] => [{ stack, memberId: member?.memberId, kind, why }];
    if (stack.status === 'DELETE_FAILED') return orphan('not_deleted', stack.reason);
    if (member === undefined) return orphan('not_a_member', 'Its name or its parameters are not those of a member.');
    const twin = members.find(({ memberId, stack: { id } }) => memberId === member.memberId && id !== stack.id);
    if (twin !== undefined) return orphan('duplicate', `${twin.stack.name} is the same member.`);
    const isSilent = member.agent.state !== AgentState.REACHABLE;
    if (!isSilent || now.getTime() - member.agentSince.getTime() < AGENT_MISSING_AFTER_MS) return [];
    const detail = member.agent.detail === '' ? 'Its agent has not enrolled.' : member.agent.detail;
    return orphan('no_agent', `${detail} Since ${member.agentSince.toISOString()}.`);
  });
}
