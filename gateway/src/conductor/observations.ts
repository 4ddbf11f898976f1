// What the leader hears from the regions. Positions and lag stay in its memory; only a transition (a member up or down,
// a region reachable or not, a changed capacity) is committed. Unknown is not down: a region that falls silent changes
// nothing about its members.
import {
  AgentState,
  type Clock,
  type HeardMember,
  type MeasuredWay,
  type MemberObservation,
  MemberRole,
  type ObserveResponse,
  pause,
  type RegionReport,
} from '@argosy/proto';
import type { CandidateSite, Network } from '../placement/place.ts';
import { isEngineRuled, memberOf, parseMemberId } from '../state/clusters.ts';
import type { EntryBody } from '../state/entries.ts';
import type { Federation } from '../state/federation.ts';
import type { Region } from '../state/regions.ts';
import type { WitnessBook } from './witnesses.ts';

const RECONNECT_MS = 500;
/** A region that cannot be heard for so long is shown as unreachable. */
const UNREACHABLE_AFTER_MS = 3_000;

export interface ObservedRegion {
  readonly name: string;
  observe(signal: AbortSignal): AsyncIterable<ObserveResponse>;
}

export interface ObservationsOptions {
  readonly federation: Federation;
  readonly regions: readonly ObservedRegion[];
  readonly propose: (entry: EntryBody) => Promise<unknown>;
  /** Told when a region is heard for the first time, and for the first time after it was silent. */
  readonly returned: (region: string) => void;
  readonly book: WitnessBook;
  readonly clock: Clock;
  readonly log: (event: { readonly message: string; readonly region: string; readonly error?: string }) => void;
}

export class Observations {
  readonly #options: ObservationsOptions;
  readonly #abort = new AbortController();
  readonly #watches = new Map<string, AbortController>();
  readonly #members = new Map<string, HeardMember>();
  readonly #proposed = new Map<string, string>();
  /** What each region has measured of its way to the others. */
  readonly #roundTrips = new Map<string, RegionReport['roundTrips']>();

  constructor(options: ObservationsOptions) {
    this.#options = options;
  }

  start(): void {
    this.follow(this.#options.regions);
  }

  /** From now on these are listened to, each from its beginning; who is not among them is heard no more. */
  follow(regions: readonly ObservedRegion[]): void {
    for (const ending of this.#watches.values()) ending.abort();
    for (const name of this.#watches.keys()) {
      if (!regions.some((region) => region.name === name)) this.#roundTrips.delete(name);
    }
    this.#watches.clear();
    for (const region of regions) {
      const ending = new AbortController();
      this.#watches.set(region.name, ending);
      void this.#watch(region, AbortSignal.any([this.#abort.signal, ending.signal]));
    }
  }

  stop(): void {
    this.#abort.abort();
  }

  /** What was heard last of the cluster's members. */
  heard(clusterIds: readonly string[]): HeardMember[] {
    const wished = new Set(clusterIds);
    return [...this.#members.values()].filter(({ memberId }) => wished.has(parseMemberId(memberId)?.clusterId ?? ''));
  }

  /** The ways between the regions, as both ends have measured them: the slower counts, and one "no" is enough. */
  network(): Network {
    return networkOf(this.#roundTrips);
  }

  /** As each region has measured them. */
  ways(): MeasuredWay[] {
    return [...this.#roundTrips].flatMap(([from, ways]) =>
      ways.map(({ region: to, reachable, microseconds, detail }) => ({ from, to, reachable, microseconds, detail })),
    );
  }

  async #watch(region: ObservedRegion, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let silentSince = clock.monotonicMs();
    while (!signal.aborted) {
      let isHeard = false;
      try {
        for await (const response of region.observe(signal)) {
          if (signal.aborted) return;
          silentSince = clock.monotonicMs();
          this.#hear(region.name, response);
          if (!isHeard) this.#options.returned(region.name);
          isHeard = true;
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#options.book.lose(region.name, clock.monotonicMs());
        const detail = (error as { details?: string }).details ?? String(error);
        if (clock.monotonicMs() - silentSince >= UNREACHABLE_AFTER_MS && this.#markUnreachable(region.name, detail)) {
          log({ message: 'region unreachable', region: region.name, error: detail });
        }
      }
      await pause(clock, RECONNECT_MS, signal);
    }
  }

  #hear(region: string, { observation }: ObserveResponse): void {
    switch (observation?.$case) {
      case 'region':
        this.#hearRegion(region, observation.value);
        break;
      case 'member':
        this.#options.book.hear(region, observation.value, this.#options.clock.monotonicMs());
        this.#hearMember(observation.value);
        break;
      default:
        break;
    }
  }

  #hearRegion(name: string, report: RegionReport): void {
    const { provider, jurisdiction, zones, flavors, roundTrips } = report;
    this.#roundTrips.set(name, roundTrips);
    this.#proposeRegion({
      name,
      provider,
      jurisdiction,
      status: 'UP',
      zones: zones.map((zone) => ({ name: zone.name, freeMembers: zone.freeMembers })),
      flavors: flavors.map(({ name: flavor, vcpus, memoryMib, costMilli }) => ({
        ...{ name: flavor, vcpus, memoryMib },
        ...(costMilli === 0 ? {} : { costMilli }),
      })),
    });
  }

  #markUnreachable(name: string, detail: string): boolean {
    const known = this.#options.federation.region(name);
    // What it measured of its ways is no longer known.
    this.#roundTrips.delete(name);
    if (known?.status === 'UNREACHABLE') return false;
    const { updatedAt: _time, isDrained: _drained, ...region } = known ?? { ...UNKNOWN_REGION, name, updatedAt: '' };
    this.#proposeRegion({ ...region, status: 'UNREACHABLE', detail });
    return true;
  }

  #proposeRegion(region: Omit<Region, 'updatedAt' | 'isDrained'>): void {
    const known = this.#options.federation.region(region.name);
    const { updatedAt: _time, isDrained: _drained, ...current } = known ?? { updatedAt: '' };
    this.#proposeOnce(`region ${region.name}`, JSON.stringify(current), JSON.stringify(region), {
      kind: 'region.observed',
      region,
    });
  }

  #hearMember(observation: MemberObservation): void {
    const parsed = parseMemberId(observation.memberId);
    const cluster = parsed && this.#options.federation.cluster(parsed.clusterId);
    if (parsed === undefined || cluster === undefined) return;
    const { report } = observation;
    if (report !== undefined) this.#remember(observation.memberId, report);

    const member = memberOf(cluster, parsed.ordinal);
    // Until it has been given a role, its steps tell how it is.
    const isArbiter = member?.kind === 'arbiter' && member.facts.address !== undefined && !isEngineRuled(cluster);
    if (member === undefined || member.isRetired || (member.facts.role === undefined && !isArbiter)) return;
    // A primary whose client door is shut takes no writes; an arbiter of ours has no server at all.
    const serves = isArbiter || (report?.up === true && (report.role !== MemberRole.PRIMARY || report.open));
    const isUp = observation.agent === AgentState.REACHABLE && serves && !observation.gone;
    if (!isUp && observation.agent === AgentState.AWAITED && !observation.gone) return;
    const detail = isUp ? undefined : downDetail(observation);
    const entry = {
      kind: 'member.observed',
      clusterId: cluster.id,
      ordinal: parsed.ordinal,
      isUp,
      ...(detail === undefined ? {} : { detail }),
    } as const;
    this.#proposeOnce(observation.memberId, String(member.facts.isUp ?? false), String(isUp), entry);
  }

  /** The primary tells how far its replicas are behind. */
  #remember(memberId: string, report: NonNullable<MemberObservation['report']>): void {
    const known = this.#members.get(memberId);
    const { time, leads } = report;
    this.#members.set(memberId, { lagBytes: undefined, ...known, memberId, time, leads });
    if (report.role !== MemberRole.PRIMARY) return;
    for (const { memberId: replica, lagBytes } of report.streams) {
      this.#members.set(replica, {
        time: undefined,
        leads: undefined,
        ...this.#members.get(replica),
        memberId: replica,
        lagBytes,
      });
    }
  }

  /** Proposes a transition, but not again while the same one is on its way. */
  #proposeOnce(subject: string, current: string, next: string, entry: EntryBody): void {
    if (current === next || this.#proposed.get(subject) === next) return;
    this.#proposed.set(subject, next);
    const forget = (): void => {
      if (this.#proposed.get(subject) === next) this.#proposed.delete(subject);
    };
    this.#options.propose(entry).then(forget, forget);
  }
}

const UNKNOWN_REGION: Omit<Region, 'name' | 'updatedAt' | 'status'> = {
  provider: '',
  jurisdiction: '',
  zones: [],
  flavors: [],
};

function downDetail(observation: MemberObservation): string {
  if (observation.gone) return 'Its stack is gone.';
  const { report, detail } = observation;
  if (report?.up === true) return 'Its client door is shut.';
  return report?.detail || detail || 'Its agent does not answer.';
}

function networkOf(measured: ReadonlyMap<string, RegionReport['roundTrips']>): Network {
  const roundTrips: { between: readonly [string, string]; microseconds: number }[] = [];
  const unreachable: (readonly [string, string])[] = [];
  for (const [from, ways] of measured) {
    for (const { region: to, reachable, microseconds } of ways) {
      const between = from < to ? ([from, to] as const) : ([to, from] as const);
      const known = roundTrips.find((trip) => trip.between[0] === between[0] && trip.between[1] === between[1]);
      if (!reachable) unreachable.push(between);
      else if (known === undefined) roundTrips.push({ between, microseconds });
      else known.microseconds = Math.max(known.microseconds, microseconds);
    }
  }
  return { roundTrips, unreachable };
}

/** Where members of this flavor can be placed now, and at what cost; where a region does not answer, who is there may stay. */
export function candidateSites(regions: readonly Region[], flavor: string): CandidateSite[] {
  return regions.flatMap(({ name, status, provider, jurisdiction, zones, flavors, isDrained }) =>
    zones.map((zone) => ({
      ...(status === 'UP' ? {} : { isAway: true }),
      region: name,
      zone: zone.name,
      provider,
      jurisdiction,
      freeMembers: isDrained === true ? 0 : zone.freeMembers,
      flavors: flavors.map(({ name: known }) => known),
      cost: flavors.find(({ name: known }) => known === flavor)?.costMilli ?? 0,
    })),
  );
}
