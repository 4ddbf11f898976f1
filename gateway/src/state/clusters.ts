// A cluster as the log knows it: what is wanted, and the facts about it that matter. Heartbeats, lag and positions are
// not here: they live in the leader's memory.
import type { Accounts } from '@argosy/datastores';
import type { ClusterSpec, ParameterSet, WantedMember } from './spec.ts';

/** Who must have a commit before it is acknowledged: the primary and `acknowledgements` of the other voters. */
export interface Rule {
  readonly epoch: number;
  readonly generation: number;
  readonly voters: readonly number[];
  readonly acknowledgements: number;
  /** Of an asynchronous cluster: it acknowledges alone, and what `acknowledgements` have not confirmed stays young. */
  readonly lease?: LeaseRule;
}

/** A primary acknowledges only while a majority of the grantors, itself counted, lets nobody else be elected. */
export interface LeaseRule {
  /** Voters and arbiters. */
  readonly grantors: readonly number[];
  readonly rpoSeconds: number;
}

/** The tenant's first user; the password itself is never stored. */
export interface AdminUser {
  readonly name: string;
  readonly database: string;
  readonly verifier: string;
  readonly generation: number;
}

/** How far a member's log reached when it promised an epoch. */
export interface Promised {
  readonly epoch: number;
  readonly position: { readonly epoch: number; readonly value: string };
}

/** What has been found out about a member. Absent: not yet. */
export interface MemberFacts {
  readonly address?: string;
  readonly port?: number;
  readonly serverName?: string;
  readonly stackId?: string;
  readonly flavor?: string;
  readonly volumeGib?: number;
  readonly isInitialised?: boolean;
  /** The epoch of the primary whose data it was copied from. */
  readonly seededInEpoch?: number;
  readonly role?: 'primary' | 'replica';
  readonly epoch?: number;
  readonly generation?: number;
  /** The last epoch that it has promised, and how far its log reached then. */
  readonly promise?: Promised;
  /** Of a primary: the other members it has been told of. */
  readonly knownPeers?: readonly number[];
  /** Of a primary: the first user it has been told of. */
  readonly adminGeneration?: number;
  /** What it runs with; absent: none was ever set. */
  readonly parameters?: ParameterSet;
  /** The users and databases that it has been told of. */
  readonly accountsGeneration?: number;
  /** It has said that the parameters of this generation need a restart of it. */
  readonly restartForParameters?: number;
  /** Its database has ended, so that its volume can be taken from it. */
  readonly isResting?: boolean;
  readonly isUp?: boolean;
  /** Why it is not up. */
  readonly detail?: string;
  /** Nobody answers for it: it is asked for nothing until it is heard again. */
  readonly isAway?: boolean;
  /** Why its data cannot go on with the primary's, so that it must rejoin. */
  readonly divergence?: string;
  /** The epoch that was elected without it while losing writes was accepted: what it holds is kept as it is. */
  readonly leftOutInEpoch?: number;
  /** Commits went on without this voter when too few were left; it is one again when it follows. */
  readonly isCutOff?: boolean;
  /** Where the engine rules itself: it counts the member no more, nor can it have been taken in since. */
  readonly isDismissed?: boolean;
  /** What its log held too much when it last rejoined. */
  readonly tail?: Tail;
}

/** What a log held beyond the point at which the cluster's went another way. */
export interface Tail {
  /** The epoch that it rejoined. */
  readonly epoch: number;
  readonly bytes: number;
  /** Absent: they could not be counted. */
  readonly transactions?: number;
  /** From its first commit to its last. Absent: the engine does not tell. */
  readonly seconds?: number;
  /** On the member's volume; absent where there was no room. */
  readonly folder?: string;
  /** There may be acknowledged writes in it. */
  readonly mayBeAcknowledged: boolean;
}

export interface Member extends WantedMember {
  readonly facts: MemberFacts;
  /** No longer wished; its stack is to be removed. */
  readonly isRetired: boolean;
}

export interface Cluster {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly spec: ClusterSpec;
  /** Counts the changes of what is wanted. */
  readonly revision: number;
  readonly wanted: 'present' | 'absent';
  readonly members: readonly Member[];
  readonly nextOrdinal: number;
  /** Zero before the first election. */
  readonly epoch: number;
  /** The ordinal of the primary of `epoch`; absent while that epoch is being elected. */
  readonly primary?: number;
  /** The last primary that was elected, in whatever epoch. */
  readonly lastElected?: { readonly epoch: number; readonly ordinal: number };
  /** Who shall be elected, while an epoch is being elected. */
  readonly candidate?: number;
  /** While an epoch is being elected: the old primary does not hand over, its voters are asked. */
  readonly failover?: { readonly acceptsDataLoss: boolean };
  /** The newest rule. */
  readonly rule?: Rule;
  /** Every rule by which a write may have been acknowledged that an election must find, the newest last. */
  readonly liveRules: readonly Rule[];
  /** The rule under which the primary's door was last found open; zeros before the first time. */
  readonly opened: { readonly epoch: number; readonly generation: number };
  /** Asked for in an epoch, and void in any later one. */
  readonly wantedPrimary?: { readonly ordinal: number; readonly epoch: number };
  readonly admin: AdminUser;
  /** Users and databases beside the first; absent: there were never any. */
  readonly accounts?: Accounts;
  /** The newest operation. */
  readonly operationId: string;
  /** Why the cluster is in ERROR. */
  readonly failure?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** The name under which a member is known everywhere outside the gateway. */
export function memberId(clusterId: string, ordinal: number): string {
  return `${clusterId}-${ordinal}`;
}

/** The reverse of `memberId`; undefined when it is no member's name. */
export function parseMemberId(id: string): { clusterId: string; ordinal: number } | undefined {
  const match = /^(.+)-(\d+)$/.exec(id);
  return match?.[1] === undefined ? undefined : { clusterId: match[1], ordinal: Number(match[2]) };
}

/** The members that are wished for. */
export function wantedMembers(cluster: Cluster): readonly Member[] {
  return cluster.members.filter((member) => !member.isRetired);
}

/** Every other member with data that is there, wished or not: whom a primary keeps a place for in its log. */
export function peersOf(cluster: Cluster, ordinal: number): readonly Member[] {
  return cluster.members.filter((member) => member.ordinal !== ordinal && member.kind !== 'arbiter');
}

/** The member of that ordinal, wished or retired. */
export function memberOf(cluster: Cluster, ordinal: number | undefined): Member | undefined {
  return cluster.members.find((member) => member.ordinal === ordinal);
}

/** True when the member runs in the role that the newest rule gives it; where the engine rules, when it is one of its own. */
export function isInForce(cluster: Cluster, { ordinal, facts }: Member): boolean {
  if (isEngineRuled(cluster)) {
    return facts.role !== undefined && facts.generation !== 0 && facts.epoch === cluster.epoch;
  }
  const role = ordinal === cluster.primary ? 'primary' : 'replica';
  return facts.role === role && facts.epoch === cluster.epoch && facts.generation === cluster.rule?.generation;
}

/** True when it is there again and was left out: what it holds too much is saved before it counts again. */
export function isToBeReconciled({ facts }: Member): boolean {
  return facts.isAway !== true && facts.leftOutInEpoch !== undefined;
}

/** True when it can be asked for something. */
export function isPresent({ facts }: Member): boolean {
  return facts.isAway !== true && facts.leftOutInEpoch === undefined;
}

/** True when the tenant chose to go on with fewer copies rather than to wait for lost voters. */
export function degrades({ spec }: Pick<Cluster, 'spec'>): boolean {
  return spec.durability.on_loss === 'degrade' || (isAsync({ spec }) && spec.durability.on_replica_loss === 'expose');
}

/** True when the primary acknowledges by itself, while it holds a lease. */
export function isAsync({ spec }: Pick<Cluster, 'spec'>): boolean {
  return spec.durability.mode === 'async';
}

/** True when the engine has a quorum of its own: it elects nobody of ours, and knows no epoch. */
export function isEngineRuled({ spec }: Pick<Cluster, 'spec'>): boolean {
  return spec.durability.mode === 'engine';
}

/** True when what its log holds too much may have been acknowledged: its loss was accepted, or nobody was waited for. */
export function mayHaveAcknowledged(cluster: Pick<Cluster, 'spec'>, { facts }: Pick<Member, 'facts'>): boolean {
  return facts.leftOutInEpoch !== undefined || isAsync(cluster);
}

/** True when writes are acknowledged that only one member has, though more voters are wished. */
export function isExposed(cluster: Cluster): boolean {
  return cluster.rule?.acknowledgements === 0 && cluster.spec.topology.voters > 1;
}

/** True when the primary's door was open under the newest rule, so that only this rule is live. */
export function isSettled({ epoch, rule, opened }: Cluster): boolean {
  return opened.epoch === epoch && opened.generation === rule?.generation;
}

/** The cluster as it is when nothing of it is wished any more. */
export function withNothingWanted(cluster: Cluster): Cluster {
  return { ...cluster, wanted: 'absent', members: cluster.members.map((member) => ({ ...member, isRetired: true })) };
}
