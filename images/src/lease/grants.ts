// What a grantor remembers of the leases that it granted: until when a promise of a later epoch must not count. It lies
// in memory only, so a grantor that starts anew waits for as long as any grant can last. Pure; times are of the
// grantor's own boot-time clock.
import type { LeaseTerms } from './terms.ts';

export interface Grants {
  /** The newest epoch for which a lease was granted. */
  readonly epoch: number;
  /** No promise counts before. */
  readonly untilMs: number;
}

export interface LeaseRequest {
  readonly epoch: number;
  /** The highest epoch that this grantor has promised. */
  readonly promisedEpoch: number;
  readonly nowMs: number;
}

/** What was granted before the start is not known: it may be anything. */
export function grantsAtStart(nowMs: number, terms: LeaseTerms): Grants {
  return { epoch: 0, untilMs: nowMs + terms.grantedMs };
}

/** Undefined: refused, for a later epoch is promised, or holds the lease. */
export function grant(grants: Grants, request: LeaseRequest, terms: LeaseTerms): Grants | undefined {
  const { epoch, promisedEpoch, nowMs } = request;
  if (epoch < promisedEpoch || epoch < grants.epoch) return undefined;
  return { epoch, untilMs: Math.max(grants.untilMs, nowMs + terms.grantedMs) };
}

/**
 * The primary of this epoch acknowledges nothing any more, ever. That it was elected is proof that no older lease is
 * held by a majority, so whatever was granted before is over as well.
 */
export function handedBack(grants: Grants, epoch: number): Grants {
  return epoch < grants.epoch ? grants : { ...grants, untilMs: Number.NEGATIVE_INFINITY };
}

export function promiseCounts(grants: Grants, nowMs: number): boolean {
  return nowMs >= grants.untilMs;
}
