// What a member's stack in Heat says of the member. Heat keeps it for us: an executor that has just started reads here
// where its members are.
import { type Identity, type Peer, serverName } from '@argosy/proto';
import type { Stack } from '../openstack/heat.ts';
import { kindOfName } from './stack-request.ts';
import { advertisedAddress, type Translation } from './translation.ts';

/** A member as its stack describes it. */
export interface StackMember {
  readonly memberId: string;
  readonly clusterId: string;
  readonly zone: string;
  readonly stack: Stack;
  /** Undefined until Heat has given it one. */
  readonly location: Location | undefined;
}

/** Where a member is, and who it is. */
export interface Location {
  readonly identity: Identity & { readonly kind: 'member' };
  /** As others dial it. */
  readonly address: string;
  readonly localAddress: string;
  readonly peer: Peer;
}

/** What must be known of the region to read its stacks. */
export interface MemberRegion {
  readonly federation: string;
  readonly region: string;
  /** Absent: none. */
  readonly translations?: readonly Translation[];
}

/** Reads a stack of ours; undefined when it is not one, whatever its tags say. */
export function readMemberStack(stack: Stack, region: MemberRegion): StackMember | undefined {
  const { member_id: memberId, cluster_id: clusterId, availability_zone: zone } = stack.parameters;
  if (memberId === undefined || clusterId === undefined || zone === undefined) return undefined;
  const { address: told, local_address: local } = stack.outputs;
  const address = typeof told === 'string' ? advertisedAddress(told, region.translations ?? []) : told;
  const identity = {
    kind: 'member',
    federation: region.federation,
    region: region.region,
    clusterId,
    memberId,
  } as const;
  const location =
    typeof address !== 'string' || address === ''
      ? undefined
      : {
          identity,
          address,
          localAddress: typeof local === 'string' && local !== '' ? local : String(told),
          peer: {
            memberId,
            kind: kindOfName(stack.parameters.kind),
            address,
            port: Number(stack.parameters.datastore_port ?? 0),
            serverName: serverName(identity),
          },
        };
  return { memberId, clusterId, zone, stack, location };
}
