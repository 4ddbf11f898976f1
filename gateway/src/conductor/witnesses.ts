// What the leader has heard of each member, and when: the witnesses by which a primary is judged. Nothing of it is
// committed; a new leader begins with nothing heard, and gives everybody the time to be.
import { AgentState, type MemberObservation, type MemberReport, MemberRole } from '@argosy/proto';
import { type Cluster, memberId, parseMemberId } from '../state/clusters.ts';
import type { Witness, Witnesses } from './suspicion.ts';

interface Heard {
  readonly region: string;
  readonly agent: Witness['agent'];
  readonly sinceMs: number;
  readonly report?: { readonly value: MemberReport; readonly atMs: number; readonly downSinceMs: number | undefined };
}

export class WitnessBook {
  readonly #startMs: number;
  readonly #members = new Map<string, Heard>();
  /** Whose agent does not answer, or whose database is not up. */
  readonly #troubled = new Set<string>();

  /** Times are of the monotonic clock. */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  hear(region: string, observation: MemberObservation, nowMs: number): void {
    const { memberId: id, report } = observation;
    const before = this.#members.get(id);
    const agent = agentOf(observation);
    const sinceMs = before?.agent === agent ? before.sinceMs : nowMs;
    if (agent !== 'reachable' || report === undefined) {
      this.#members.set(id, { region, agent, sinceMs });
      this.#troubled.add(id);
      return;
    }
    const downSinceMs = report.up ? undefined : (before?.report?.downSinceMs ?? nowMs);
    this.#members.set(id, { region, agent, sinceMs, report: { value: report, atMs: nowMs, downSinceMs } });
    if (report.up) this.#troubled.delete(id);
    else this.#troubled.add(id);
  }

  /** The region tells nothing any more. */
  lose(region: string, nowMs: number): void {
    for (const [id, heard] of this.#members) {
      if (heard.region !== region || heard.agent === 'unheard') continue;
      this.#members.set(id, { region, agent: 'unheard', sinceMs: nowMs });
      this.#troubled.add(id);
    }
  }

  /** Takes note of whom nothing has been heard of for `silentMs`; a report makes that good. */
  noteSilent(silentMs: number, nowMs: number): void {
    for (const [id, { report }] of this.#members) {
      if (report !== undefined && nowMs - report.atMs >= silentMs) this.#troubled.add(id);
    }
  }

  /** The clusters of members that do not answer, or are not up, or have fallen silent. */
  troubled(): Set<string> {
    return new Set([...this.#troubled].map((id) => parseMemberId(id)?.clusterId ?? ''));
  }

  of(cluster: Cluster, nowMs: number): Witnesses {
    return new Map(
      cluster.members.map(({ ordinal }) => [ordinal, this.#witness(memberId(cluster.id, ordinal), nowMs)]),
    );
  }

  #witness(id: string, nowMs: number): Witness {
    const heard = this.#members.get(id);
    if (heard === undefined) return { agent: 'unheard', agentForMs: nowMs - this.#startMs };
    const { agent, sinceMs, report } = heard;
    if (report === undefined) return { agent, agentForMs: nowMs - sinceMs };
    const { value, atMs, downSinceMs } = report;
    return {
      agent,
      agentForMs: nowMs - sinceMs,
      report: {
        ...{ ageMs: nowMs - atMs, epoch: value.epoch, role: roleOf(value.role), isUp: value.up },
        ...(value.position === undefined ? {} : { hasBegun: value.position.epoch >= value.epoch }),
        ...(value.streams.length === 0 ? {} : { level: levelOf(value), streaming: streamingOf(value) }),
        downForMs: downSinceMs === undefined ? 0 : nowMs - downSinceMs,
        ...(value.lease === undefined ? {} : { isGranted: value.lease.granted, isWaiting: value.lease.waiting }),
        ...(value.givenUp === true ? { isGivenUp: true } : {}),
        ...(value.upstream === undefined
          ? {}
          : { upstream: { isStreaming: value.upstream.streaming, silentMs: value.upstream.silentMs } }),
      },
    };
  }
}

function levelOf({ streams, ...report }: MemberReport): number[] {
  return streamingOf({ ...report, streams: streams.filter(({ lagBytes }) => lagBytes === 0) });
}

function streamingOf({ epoch, streams }: MemberReport): number[] {
  return streams
    .filter((stream) => stream.streaming && stream.epoch === epoch)
    .flatMap((stream) => parseMemberId(stream.memberId)?.ordinal ?? []);
}

function agentOf({ agent, gone }: MemberObservation): Witness['agent'] {
  if (gone || agent === AgentState.UNREACHABLE) return 'unreachable';
  return agent === AgentState.REACHABLE ? 'reachable' : 'unheard';
}

function roleOf(role: MemberRole): 'primary' | 'replica' | 'none' {
  if (role === MemberRole.PRIMARY) return 'primary';
  return role === MemberRole.REPLICA ? 'replica' : 'none';
}
