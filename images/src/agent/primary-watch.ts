// What this member knows of the cluster's primary: itself, or the one that it follows, when that one says of itself that
// it leads the same epoch and is open. Nobody else is asked, so that it holds with every gateway and executor dead.
import type { Upstream } from '@argosy/datastores/drivers';
import { type Clock, type Credentials, type MemberReport, MemberRole, type Timer } from '@argosy/proto';
import { dialAgent } from './dial-agent.ts';
import type { MemberState } from './state.ts';

/** A primary reports once a second: what it said longer ago says nothing any more. */
const FRESH_MS = 3_000;
const REDIAL_MS = 200;

/** Where the primary of an epoch takes connections. */
export interface Lead {
  readonly memberId: string;
  readonly epoch: number;
  readonly address: string;
  readonly port: number;
}

export interface PrimaryWatchParts {
  readonly state: () => MemberState;
  /** Of this member's own database. */
  readonly own: { readonly address: string; readonly port: number; readonly isOpen: () => boolean };
  readonly credentials: () => Credentials;
  readonly clock: Clock;
  /** Called when the answer may have changed. */
  readonly changed: () => void;
}

export class PrimaryWatch {
  readonly #parts: PrimaryWatchParts;
  #followed: { readonly upstream: Upstream; readonly stop: () => void } | undefined;
  #report: { readonly value: MemberReport; readonly atMs: number } | undefined;
  #timer: Timer | undefined;
  #isEnding = false;

  constructor(parts: PrimaryWatchParts) {
    this.#parts = parts;
  }

  /** Undefined while nobody is known to lead the newest epoch that this member has heard of. */
  lead(): Lead | undefined {
    const { state, own, clock } = this.#parts;
    const { role, epoch, memberId } = state();
    // Who has promised a newer epoch passes nothing on to an older one.
    if (role === null || role.epoch !== epoch) return undefined;
    if (role.kind === 'primary')
      return own.isOpen() ? { memberId, epoch, address: own.address, port: own.port } : undefined;
    const report = this.#report;
    if (report === undefined || clock.monotonicMs() - report.atMs > FRESH_MS) return undefined;
    return leadOf(role.upstream, epoch, report.value);
  }

  /** The newest epoch that has been heard of, while this member has a part in it. */
  epoch(): number | undefined {
    const { role, epoch } = this.#parts.state();
    if (role === null || role.epoch !== epoch) return undefined;
    return Math.max(epoch, this.#report?.value.epoch ?? 0);
  }

  /** The member's role may have changed. */
  look(): void {
    const { role } = this.#parts.state();
    const upstream = role?.kind === 'replica' ? role.upstream : undefined;
    if (!isSame(upstream, this.#followed?.upstream)) {
      this.#forget();
      if (upstream !== undefined && !this.#isEnding) this.#follow(upstream);
    }
    this.#parts.changed();
  }

  end(): void {
    this.#isEnding = true;
    this.#forget();
  }

  #forget(): void {
    this.#timer?.cancel();
    this.#followed?.stop();
    this.#followed = undefined;
    this.#report = undefined;
  }

  #follow(upstream: Upstream): void {
    const { clock, credentials, changed } = this.#parts;
    const client = dialAgent(upstream, credentials());
    const call = client.observe({});
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      client.close();
      if (this.#followed?.upstream !== upstream) return;
      this.#followed = undefined;
      this.#report = undefined;
      this.#timer = clock.after(REDIAL_MS, () => this.look());
      changed();
    };
    call.on('data', ({ report }: { readonly report?: MemberReport }) => {
      if (this.#followed?.upstream !== upstream || report === undefined) return;
      this.#report = { value: report, atMs: clock.monotonicMs() };
      changed();
    });
    call.on('error', over);
    call.on('end', over);
    this.#followed = {
      upstream,
      stop: () => {
        call.cancel();
        client.close();
      },
    };
  }
}

/** The followed member, when it says itself that it leads this epoch, and admits clients. */
export function leadOf(upstream: Upstream, epoch: number, report: MemberReport): Lead | undefined {
  const isLeading = report.role === MemberRole.PRIMARY && report.epoch === epoch && report.open;
  if (!isLeading || report.memberId !== upstream.memberId) return undefined;
  return { memberId: upstream.memberId, epoch, address: upstream.address, port: upstream.port };
}

function isSame(left: Upstream | undefined, right: Upstream | undefined): boolean {
  return left?.memberId === right?.memberId && left?.address === right?.address && left?.port === right?.port;
}
