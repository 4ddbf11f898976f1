// Whether a cluster's primary is gone, and what to do about it: a pure function of what is heard, with ages as arguments.
// It takes two witnesses: nobody answers for the primary where the gateway asks, and none of its replicas hears it. A
// region that only the gateway has lost sight of is left alone, for as long as replication flows.
import { canCommit, electorate, isEnough, vouches } from '../planning/elect.ts';
import { type Cluster, degrades, isEngineRuled, type Member, memberOf } from '../state/clusters.ts';

/** An agent that does not answer at all: it or its guest has ended, unless it is back before this. */
const UNREACHABLE_MS = 600;
/** The way to the region is cut, or was never there. */
const UNHEARD_MS = 1_500;
/** One that was elected and has not opened yet may be starting, and nobody follows it yet. */
const UNSETTLED_MS = 5_000;
/** Agents report once a second. */
const FRESH_MS = 3_000;
/** A database that its living agent has not brought up again by then is given up. */
const DOWN_MS = 8_000;
/** A primary whose voters have all that it wrote, and whose commits wait on: what is amiss is with itself. */
const CANNOT_COMMIT_MS = 6_000;
/** A replica without a receiver has not heard of its primary for so long. */
const DISCONNECTED_MS = 500;
/** A connected replica hears a heartbeat each second, and asks for a word after 1.5 s of silence. */
const SILENT_MS = 2_500;

/** What is heard of one member. Ages are in milliseconds. */
export interface Witness {
  /** Whether its executor reaches its agent, and since when; `unheard`: no executor has told. */
  readonly agent: 'reachable' | 'unreachable' | 'unheard';
  readonly agentForMs: number;
  /** The newest report of the agent itself; absent while it is not reachable. */
  readonly report?: {
    readonly ageMs: number;
    readonly epoch: number;
    readonly role: 'primary' | 'replica' | 'none';
    readonly isUp: boolean;
    /** How long it has not been up, while it is not; of one that was just elected, since then. */
    readonly downForMs: number;
    /** Of a primary: its agent will not bring it up again, for others have more. */
    readonly isGivenUp?: boolean;
    /** Whether its log has a record of its epoch; unknown while its database does not answer. */
    readonly hasBegun?: boolean;
    /** Of a primary: the ordinals that stream from it in its epoch and have flushed all that it has. */
    readonly level?: readonly number[];
    /** Of a primary: the ordinals that stream from it in its epoch. */
    readonly streaming?: readonly number[];
    /** Of an asynchronous cluster's primary: a majority of the grantors lets it acknowledge. */
    readonly isGranted?: boolean;
    /** It is well, and only the bound on what may be lost keeps it from acknowledging. */
    readonly isWaiting?: boolean;
    /** Of a replica: its connection to the primary. */
    readonly upstream?: { readonly isStreaming: boolean; readonly silentMs: number };
  };
}

export type Witnesses = ReadonlyMap<number, Witness>;

export type Verdict =
  | { readonly kind: 'trusted' }
  /** One witness only, or not for long enough. */
  | { readonly kind: 'suspected'; readonly reason: string }
  | { readonly kind: 'gone'; readonly reason: string; readonly away: readonly number[] }
  /** It is gone, and so are too many others. */
  | { readonly kind: 'stuck'; readonly reason: string };

/** What is to be thought of the primary now. */
export function judge(cluster: Cluster, witnesses: Witnesses): Verdict {
  const primary = memberOf(cluster, cluster.primary);
  if (primary === undefined || cluster.wanted === 'absent' || cluster.opened.epoch === 0) return { kind: 'trusted' };
  const stall = stallOf(cluster, witnesses.get(primary.ordinal));
  const leastMs = cluster.opened.epoch === cluster.epoch ? 0 : UNSETTLED_MS;
  const absence = stall ?? absenceOf(witnesses.get(primary.ordinal), leastMs, cluster.epoch);
  if (absence === undefined) return { kind: 'trusted' };

  const voters = electorate(cluster).filter(({ ordinal }) => ordinal !== primary.ordinal);
  const hearing = voters.filter(({ ordinal }) => hears(witnesses.get(ordinal), cluster.epoch));
  if (hearing.length > 0 && stall === undefined) {
    return { kind: 'suspected', reason: `${absence} It is still heard by ${listOf(hearing)}: nothing is changed.` };
  }
  const answering = voters.filter(({ ordinal }) => answers(witnesses.get(ordinal)));
  const heard = answering.map(({ ordinal }) => ordinal);
  const whole = answering.filter(vouches).map(({ ordinal }) => ordinal);
  const own = isUnbegun(cluster, witnesses.get(primary.ordinal)) ? [primary.ordinal] : [];
  if (!isEnough(cluster, [...whole, ...own]) || !canCommit(cluster, [...heard, ...own])) {
    const missing = voters.filter(({ ordinal }) => !whole.includes(ordinal));
    return {
      kind: 'stuck',
      reason: `${absence} No other can lead without losing writes until more answer: ${listOf(missing)}.`,
    };
  }
  const reason = stall ?? `${absence} None of its voters hears it.`;
  return { kind: 'gone', reason, away: awayOf(cluster, witnesses) };
}

/** A primary whose commits have waited for its voters for so long goes on without them, where the tenant chose that. */
const STARVED_MS = 4_000;

/** Whom commits shall no longer wait for; undefined while they need not, or must not, go on without. */
export function starvation(
  cluster: Cluster,
  witnesses: Witnesses,
): { readonly without: readonly number[]; readonly reason: string } | undefined {
  const { primary, rule, epoch } = cluster;
  if (!degrades(cluster) || primary === undefined || rule === undefined || rule.acknowledgements === 0)
    return undefined;
  const witness = witnesses.get(primary);
  const { report } = witness ?? {};
  if (!answers(witness) || report?.role !== 'primary' || report.epoch !== epoch) return undefined;
  if (report.isUp || report.downForMs < STARVED_MS) return undefined;
  // Without a lease it may be the primary that is cut off, and others may lead.
  if (rule.lease !== undefined && report.isGranted !== true) return undefined;
  const others = rule.voters.filter((voter) => voter !== primary);
  const without = others.filter((voter) => report.streaming?.includes(voter) !== true);
  if (others.length - without.length >= rule.acknowledgements) return undefined;
  const isKnown = without.every((voter) => memberOf(cluster, voter)?.facts.isCutOff === true);
  const reason = `Member ${primary} cannot commit: ${others.length - without.length} other voters stream, and a commit needs ${rule.acknowledgements}.`;
  return isKnown ? undefined : { without, reason };
}

/** Members that have a place and that nobody answers for. */
export function awayOf(cluster: Cluster, witnesses: Witnesses): number[] {
  // Of an arbiter of ours nothing is known but whether its agent answers; an engine's own is a member like the others.
  const hasPlace = ({ facts, kind }: Member): boolean =>
    facts.role !== undefined && (kind !== 'arbiter' || isEngineRuled(cluster));
  return cluster.members
    .filter((member) => hasPlace(member) && !answers(witnesses.get(member.ordinal)))
    .map(({ ordinal }) => ordinal);
}

/** Its agent has told something of itself a moment ago. */
export function answers(witness: Witness | undefined): boolean {
  return witness?.agent === 'reachable' && witness.report !== undefined && witness.report.ageMs < FRESH_MS;
}

/** Why nobody answers for the primary, in a sentence; undefined while somebody does. */
function absenceOf(witness: Witness | undefined, leastMs: number, epoch: number): string | undefined {
  if (witness === undefined) return undefined;
  const { agent, agentForMs, report } = witness;
  if (agent === 'unreachable') {
    return agentForMs < Math.max(UNREACHABLE_MS, leastMs) ? undefined : 'The agent of the primary does not answer.';
  }
  if (agent === 'unheard') {
    return agentForMs < Math.max(UNHEARD_MS, leastMs) ? undefined : 'Nothing is heard of the primary.';
  }
  if (report === undefined || report.ageMs >= FRESH_MS) return 'The agent of the primary has stopped to report.';
  if (report.isGivenUp === true && report.epoch === epoch)
    return 'The database of the primary has ended, and others have more than it.';
  // Whoever has not confirmed what it wrote would lose that, and would have nobody to confirm either.
  if (report.isUp || report.isWaiting === true || report.downForMs < DOWN_MS) return undefined;
  return 'The database of the primary is not brought up again.';
}

/** It answers, and could not begin its epoch: in a later one it may, and it has all that it had when it was elected. */
function isUnbegun({ epoch, opened }: Cluster, witness: Witness | undefined): boolean {
  const { report } = witness ?? {};
  return opened.epoch !== epoch && answers(witness) && report?.epoch === epoch && report.hasBegun === false;
}

/** Its own word that it cannot commit, though k voters stream and have all that it wrote, needs no other witness. */
function stallOf({ epoch, opened, rule }: Cluster, witness: Witness | undefined): string | undefined {
  const { report } = witness ?? {};
  if (!answers(witness) || report?.role !== 'primary' || report.epoch !== epoch || opened.epoch !== epoch) return;
  if (report.isUp || report.downForMs < CANNOT_COMMIT_MS || rule === undefined || rule.acknowledgements === 0) return;
  const level = rule.voters.filter((voter) => report.level?.includes(voter) === true).length;
  return level < rule.acknowledgements ? undefined : 'The primary cannot commit, though its voters have all it wrote.';
}

/** Messages of this epoch's primary still reach it. */
function hears(witness: Witness | undefined, epoch: number): boolean {
  const { upstream, epoch: own } = witness?.report ?? {};
  if (upstream === undefined || own !== epoch || !answers(witness)) return false;
  return upstream.silentMs < (upstream.isStreaming ? SILENT_MS : DISCONNECTED_MS);
}

function listOf(members: readonly Member[]): string {
  return members.map(({ ordinal, region }) => `member ${ordinal} (${region})`).join(', ');
}
