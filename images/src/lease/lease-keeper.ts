// Keeps a primary's lease and its bound: asks the grantors again and again, asks the driver how far its log is confirmed,
// and moves the door's deadline to the earlier of the two. It only ever says how long the door may pass answers on; that
// nothing is passed on later is the door's own work.
import type { Position } from '@argosy/datastores';
import type { PrimaryRole, ProbeResult, Progress, Upstream } from '@argosy/datastores/drivers';
import { type Clock, type CommandHeader, pause } from '@argosy/proto';
import type { Logger } from 'pino';
import {
  boundEndMs,
  type ConfirmationRule,
  type Confirmations,
  isConfirmed,
  NOTHING_CONFIRMED,
  seen,
} from './confirmations.ts';
import type { DoorKeeper } from './door-keeper.ts';
import type { GrantorLinks } from './grantor-links.ts';
import { granted, type Lease, leaseEndMs } from './lease.ts';
import { LEASE, RENEWAL_MS } from './terms.ts';

/** A fifth of the smallest bound. */
const LOOK_MS = 200;
/** While clients wait for the first confirmation. */
const FIRST_LOOK_MS = 50;
const MS_PER_SECOND = 1_000;
/** What fits into a report. */
const MAX_REPORTED_MS = 3_600_000;

export interface LeaseKeeperParts {
  readonly clusterId: string;
  readonly memberId: string;
  readonly door: DoorKeeper;
  readonly links: GrantorLinks;
  readonly clock: Clock;
  readonly bootMs: () => number;
  readonly compare: (left: Position, right: Position) => number;
  readonly progress: () => Promise<Progress | undefined>;
  readonly log: Logger;
}

interface Barrier {
  readonly generation: number;
  readonly position: Position;
  isReached: boolean;
}

export class LeaseKeeper {
  readonly #parts: LeaseKeeperParts;
  #role: PrimaryRole | undefined;
  #lease: Lease = new Map();
  #confirmations: { readonly epoch: number; readonly value: Confirmations } | undefined;
  #barrier: Barrier | undefined;
  #deadlineMs = Number.NEGATIVE_INFINITY;
  #round = new AbortController();
  /** Whether what leads is there to lead. */
  #hasServer = true;

  constructor(parts: LeaseKeeperParts) {
    this.#parts = parts;
  }

  get role(): PrimaryRole | undefined {
    return this.#role;
  }

  /** True while the door passes answers on. */
  get isHeld(): boolean {
    return this.#parts.bootMs() < this.#deadlineMs;
  }

  async open(): Promise<void> {
    await this.#parts.door.open();
  }

  /** When this answers, nothing goes out any more. */
  async shut(): Promise<void> {
    this.#leave();
    await this.#parts.door.move(Number.NEGATIVE_INFINITY);
  }

  /** A replica acknowledges nothing: whoever reads there may. */
  async passAll(): Promise<void> {
    this.#leave();
    await this.#parts.door.move(Number.POSITIVE_INFINITY);
  }

  async end(): Promise<void> {
    this.#leave();
    this.#parts.links.close();
    await this.#parts.door.end();
  }

  /** When this answers, no other rule counts for the door any more. */
  async lead(role: PrimaryRole): Promise<void> {
    const isSame = this.#role?.epoch === role.epoch;
    if (!isSame) {
      this.#lease = new Map();
      this.#barrier = undefined;
    }
    this.#round.abort();
    this.#role = role;
    if (this.#barrier?.generation !== role.rule.generation) this.#barrier = undefined;
    await this.#move();
    if (this.#hasServer) this.#keep(role);
  }

  /** The server leads; `barrier` is what was written under this rule. */
  led(role: PrimaryRole, position: Position): void {
    if (this.#role !== role) return;
    if (!this.#hasServer) {
      this.#hasServer = true;
      this.#keep(role);
    }
    this.#barrier ??= { generation: role.rule.generation, position, isReached: role.rule.acknowledgements === 0 };
  }

  /** There is nothing to acknowledge: until the server leads again nobody has to wait for another lease of it. */
  lostServer(): void {
    this.#hasServer = false;
    this.#round.abort();
  }

  /** True once enough voters have confirmed what was there when this rule came into force. */
  hasConfirmed({ epoch, generation }: { readonly epoch: number; readonly generation: number }): boolean {
    const isOwn = this.#role?.epoch === epoch && this.#barrier?.generation === generation;
    return isOwn && this.#barrier?.isReached === true;
  }

  /** The primary of that role leads no more, and its door is shut: nobody has to wait for its lease to end. */
  async handBack(role: PrimaryRole): Promise<void> {
    const others = (role.rule.lease?.grantors ?? []).filter(({ memberId }) => memberId !== this.#parts.memberId);
    const work = others.map((grantor) => this.#parts.links.handBack(grantor, this.#header(role, grantor)));
    // Whoever does not hear of it waits until its grant has ended.
    await Promise.allSettled(work);
  }

  /** What is told of a probe: a primary that acknowledges nothing is not up. */
  judge(probe: ProbeResult): ProbeResult {
    const role = this.#role;
    if (role === undefined || probe.hearing !== undefined) return probe;
    const now = this.#parts.bootMs();
    const { value } = this.#confirmations ?? {};
    const oldest = role.rule.acknowledgements === 0 ? undefined : value?.confirmedMs;
    const isGranted = now < leaseEndMs(this.#lease, this.#ruleOf(role), LEASE);
    const lease = {
      isGranted,
      isWaiting: probe.isUp && isGranted && !this.isHeld,
      leftMs: Math.max(-MAX_REPORTED_MS, Math.min(MAX_REPORTED_MS, Math.round(this.#deadlineMs - now))),
      ...(oldest === undefined || !Number.isFinite(oldest) ? {} : { unconfirmedMs: Math.round(now - oldest) }),
    };
    if (this.isHeld) return { ...probe, lease };
    return {
      ...probe,
      lease,
      isUp: false,
      isOpen: false,
      detail: probe.detail === '' ? why(role, isGranted) : probe.detail,
    };
  }

  #keep(role: PrimaryRole): void {
    this.#round.abort();
    this.#round = new AbortController();
    const { signal } = this.#round;
    for (const grantor of role.rule.lease?.grantors ?? []) {
      if (grantor.memberId !== this.#parts.memberId) void this.#renew(role, grantor, signal);
    }
    void this.#look(role, signal);
  }

  #leave(): void {
    this.#round.abort();
    this.#hasServer = true;
    this.#role = undefined;
    this.#lease = new Map();
    this.#barrier = undefined;
    this.#deadlineMs = Number.NEGATIVE_INFINITY;
  }

  async #renew(role: PrimaryRole, grantor: Upstream, signal: AbortSignal): Promise<void> {
    const { links, clock, bootMs } = this.#parts;
    while (!signal.aborted) {
      const askedMs = bootMs();
      const isGranted = await links.ask(grantor, this.#header(role, grantor)).then(
        () => true,
        () => false,
      );
      if (signal.aborted) return;
      if (isGranted) {
        this.#lease = granted(this.#lease, grantor.memberId, askedMs);
        await this.#move();
      }
      await pause(clock, Math.max(0, RENEWAL_MS - (bootMs() - askedMs)), signal);
    }
  }

  async #look(role: PrimaryRole, signal: AbortSignal): Promise<void> {
    const { clock, bootMs, progress } = this.#parts;
    const rule = this.#confirmationRule(role);
    while (!signal.aborted && rule.needed > 0) {
      const askedMs = bootMs();
      const found = await progress().catch(() => undefined);
      if (signal.aborted) return;
      if (found?.position.epoch === role.epoch) await this.#see(role, askedMs, found, rule);
      await pause(clock, this.#barrier?.isReached === true ? LOOK_MS : FIRST_LOOK_MS, signal);
    }
  }

  async #see(role: PrimaryRole, askedMs: number, found: Progress, rule: ConfirmationRule): Promise<void> {
    const known = this.#confirmations?.epoch === role.epoch ? this.#confirmations.value : NOTHING_CONFIRMED;
    this.#confirmations = { epoch: role.epoch, value: seen(known, askedMs, found, rule) };
    if (this.#barrier !== undefined && !this.#barrier.isReached) {
      this.#barrier.isReached = isConfirmed(this.#barrier.position, found, rule);
    }
    await this.#move();
  }

  async #move(): Promise<void> {
    const role = this.#role;
    if (role === undefined) return;
    const { rpoSeconds = 0 } = role.rule.lease ?? {};
    const known = this.#confirmations?.epoch === role.epoch ? this.#confirmations.value : NOTHING_CONFIRMED;
    const boundEnd = boundEndMs(known, rpoSeconds * MS_PER_SECOND, role.rule.acknowledgements);
    this.#deadlineMs = Math.min(leaseEndMs(this.#lease, this.#ruleOf(role), LEASE), boundEnd);
    await this.#parts.door.move(this.#deadlineMs);
  }

  #ruleOf({ rule }: PrimaryRole) {
    return {
      grantors: (rule.lease?.grantors ?? []).map(({ memberId }) => memberId),
      holder: this.#parts.memberId,
    };
  }

  #confirmationRule({ rule }: PrimaryRole): ConfirmationRule {
    const { memberId, compare } = this.#parts;
    return { voters: rule.voters.filter((voter) => voter !== memberId), needed: rule.acknowledgements, compare };
  }

  #header({ epoch, rule }: PrimaryRole, { memberId }: Upstream): CommandHeader {
    const { clusterId } = this.#parts;
    const own = { clusterId, memberId, epoch, generation: rule.generation, specRevision: 0, term: 0 };
    return { ...own, idempotencyKey: '', requestId: '' };
  }
}

function why({ rule }: PrimaryRole, isGranted: boolean): string {
  if (!isGranted) return 'Nothing is acknowledged: too few grantors of the lease answer.';
  return `Nothing is acknowledged: what too few voters have confirmed is older than ${rule.lease?.rpoSeconds} s.`;
}
