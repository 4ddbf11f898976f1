// What a command makes of a member, and what it may not make of it. Pure: the member's state and the request decide.
import type { Accounts } from '@argosy/datastores';
import type { CommitRule, PrimaryRole, ReplicaRole, Upstream } from '@argosy/datastores/drivers';
import type { CommandHeader, FollowRequest, Peer, PromoteRequest, Rule, SetAccountsRequest } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import { CommandError, refused } from './admission.ts';
import type { MemberState } from './state.ts';

/** @throws CommandError when the rule is none, or the member is something else in this epoch already */
export function primaryRoleOf(state: MemberState, header: CommandHeader, request: PromoteRequest): PrimaryRole {
  const { rule: asked, admin } = request;
  const { memberId, role } = state;
  if (asked === undefined) throw invalid('The command has no rule.');
  if (header.epoch < 1) throw invalid('Epochs begin with 1.');
  const rule = commitRuleOf(asked);
  if (rule.generation !== header.generation || !rule.voters.includes(memberId)) {
    throw invalid('The rule is of another generation, or the primary is not in it.');
  }
  if (rule.acknowledgements > rule.voters.length - 1) {
    throw invalid('The rule asks for more acknowledgements than there are voters.');
  }
  if (role?.kind === 'replica' && role.epoch === header.epoch) {
    throw refused(`This member is a replica in epoch ${header.epoch}; its primary is ${role.upstream.memberId}.`);
  }
  const known = role?.kind === 'primary' && role.epoch === header.epoch ? role.rule : undefined;
  if (known?.generation === rule.generation && JSON.stringify(known) !== JSON.stringify(rule)) {
    throw refused(`Generation ${rule.generation} of epoch ${header.epoch} is another rule here.`);
  }
  return {
    ...{ kind: 'primary', epoch: header.epoch, rule, peers: request.peers.map(upstreamOf) },
    admin: admin === undefined ? null : { name: admin.name, verifier: admin.verifier, generation: admin.generation },
  };
}

function commitRuleOf({ voters, acknowledgements, generation, lease }: Rule): CommitRule {
  const rule = { voters, acknowledgements, generation };
  if (lease === undefined) return rule;
  if (lease.rpoSeconds < 1) throw invalid('The bound on what may be lost is at least one second.');
  return { ...rule, lease: { grantors: lease.grantors.map(upstreamOf), rpoSeconds: lease.rpoSeconds } };
}

/** @throws CommandError when the lease would be counted by nobody, or nobody would grant it */
export function requireLeaseAtDoor({ rule }: PrimaryRole, hasDoor: boolean): void {
  if ((rule.lease !== undefined) === hasDoor) return;
  throw refused('A primary holds a lease where its clients come in through a door, and nowhere else.');
}

/** @throws CommandError when the member is the primary of this epoch */
export function replicaRoleOf({ role }: MemberState, header: CommandHeader, request: FollowRequest): ReplicaRole {
  const { epoch, generation } = header;
  if (role?.kind === 'primary' && role.epoch === epoch) throw refused(`This is the primary of epoch ${epoch}.`);
  return { kind: 'replica', epoch, generation, upstream: upstreamOf(request.primary) };
}

/** @throws CommandError while there is nothing on the volume that a server could be started with */
export function requireData({ data }: MemberState): void {
  if (data.status === 'empty') throw refused('The volume is empty: initialise or seed it first.');
  if (data.status === 'incomplete') throw refused('The copy on the volume is incomplete: seed it again first.');
}

/**
 * What a member that was copied once acknowledged may be missing in it until it has caught up: it can neither vouch for
 * its log nor lead with it.
 *
 * @throws CommandError that names why
 */
export function requireCompleteData(state: MemberState): void {
  requireData(state);
  if (state.data.status !== 'copied' || state.data.isCaughtUp) return;
  throw refused('The data was copied and has not caught up with its primary yet: it vouches for nothing.');
}

export function accountsOf({ goneUsers, goneDatabases, ...request }: SetAccountsRequest): Accounts {
  const { generation, users } = request;
  const databases = request.databases.map((name) => ({ name }));
  return { generation, users, databases, gone: { users: goneUsers, databases: goneDatabases } };
}

export function upstreamOf(peer: Peer | undefined): Upstream {
  if (peer === undefined) throw invalid('The command names no primary.');
  const { memberId, address, port, serverName } = peer;
  return { memberId, address, port, serverName };
}

function invalid(message: string): CommandError {
  return new CommandError(status.INVALID_ARGUMENT, message);
}
