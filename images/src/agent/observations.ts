// What the member tells of itself: a report at once to whoever asks, then one at every probe or change.
import type { ProbeResult, ServerDriver } from '@argosy/datastores/drivers';
import { type Clock, type LeaseReport, type MemberReport, MemberRole } from '@argosy/proto';
import type { StateFile } from './state.ts';

const PROBE_INTERVAL_MS = 1_000;
/** Of a replica that hears no primary. */
const ALONE_INTERVAL_MS = 250;
/** After a probe that took longer than the interval. */
const LEAST_PAUSE_MS = 100;

export interface ObservationParts {
  readonly file: StateFile;
  readonly driver: ServerDriver;
  readonly clock: Clock;
  readonly isArbiter?: boolean;
}

export class Observations {
  readonly #parts: ObservationParts;
  readonly #listeners = new Set<(report: MemberReport) => void>();
  #latest: MemberReport | undefined;
  #timer: { cancel(): void } | undefined;
  #probing: Promise<void> | undefined;
  #isAskedAgain = false;
  #isEnding = false;

  constructor(parts: ObservationParts) {
    this.#parts = parts;
  }

  start(): void {
    this.probeNow();
  }

  stop(): void {
    this.#isEnding = true;
    this.#timer?.cancel();
    this.#listeners.clear();
  }

  /** Calls with the newest report at once, then with each. Returns what ends it. */
  observe(listener: (report: MemberReport) => void): () => void {
    listener(this.#latest ?? this.#report(undefined));
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get observers(): number {
    return this.#listeners.size;
  }

  /** Something changed: probes now, and again when a probe is under way. */
  probeNow(): void {
    if (this.#isEnding) return;
    if (this.#probing !== undefined) {
      this.#isAskedAgain = true;
      return;
    }
    this.#timer?.cancel();
    const { clock } = this.#parts;
    const startMs = clock.monotonicMs();
    this.#probing = this.#probe().finally(() => {
      this.#probing = undefined;
      // Whether its primary is gone is not found out by one replica alone: what it sees is told without delay.
      const isAlone = this.#latest?.upstream?.streaming === false;
      const nextMs = startMs + (isAlone ? ALONE_INTERVAL_MS : PROBE_INTERVAL_MS) - clock.monotonicMs();
      const delayMs = this.#isAskedAgain ? 0 : Math.max(LEAST_PAUSE_MS, nextMs);
      this.#isAskedAgain = false;
      if (!this.#isEnding) this.#timer = clock.after(delayMs, () => this.probeNow());
    });
  }

  async #probe(): Promise<void> {
    const report = this.#report(await this.#parts.driver.probe());
    this.#latest = report;
    for (const listener of this.#listeners) listener(report);
  }

  #report(probe: ProbeResult | undefined): MemberReport {
    const { memberId, epoch, generation, role, seat, data } = this.#parts.file.state;
    const { isArbiter = false } = this.#parts;
    const hasPlace = role !== null || seat !== null;
    const detail = data.status === 'incomplete' ? 'The data on the volume is not whole yet.' : (probe?.detail ?? '');
    return {
      ...{ memberId, time: this.#parts.clock.now(), epoch, generation },
      // Of an arbiter of ours its agent is all there is.
      up: (hasPlace || isArbiter) && probe?.isUp === true,
      role: roleOf(seat === null ? role?.kind : 'primary'),
      leads: probe?.leads,
      open: probe?.isOpen ?? false,
      givenUp: probe?.isGivenUp,
      position: probe?.position,
      upstream: probe?.hearing && { streaming: probe.hearing.isStreaming, silentMs: probe.hearing.silentMs },
      streams: (probe?.streams ?? []).map(({ isStreaming, ...stream }) => ({ ...stream, streaming: isStreaming })),
      serverVersion: probe?.serverVersion ?? '',
      lease: probe?.lease && leaseOf(probe.lease),
      detail: !hasPlace && detail === '' ? 'The member has no role yet.' : detail,
    };
  }
}

function leaseOf({ leftMs, unconfirmedMs, isGranted, isWaiting }: NonNullable<ProbeResult['lease']>): LeaseReport {
  return { leftMs, unconfirmedMs, granted: isGranted, waiting: isWaiting };
}

function roleOf(kind: 'primary' | 'replica' | undefined): MemberRole {
  if (kind === undefined) return MemberRole.UNSPECIFIED;
  return kind === 'primary' ? MemberRole.PRIMARY : MemberRole.REPLICA;
}
