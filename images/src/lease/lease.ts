// What a primary holds of its lease: when it asked each grantor for the newest grant that it got. Pure; times are of the
// primary's own boot-time clock, and only durations were agreed on.
import { type LeaseTerms, majorityOf } from './terms.ts';

/** By grantor, when that was asked which was granted. The holder itself is not in it. */
export type Lease = ReadonlyMap<string, number>;

export interface LeaseRule {
  /** All of them, the holder among them. */
  readonly grantors: readonly string[];
  readonly holder: string;
}

/** A grant came; it counts from the moment it was asked for. */
export function granted(lease: Lease, grantor: string, askedMs: number): Lease {
  return new Map([...lease, [grantor, Math.max(lease.get(grantor) ?? Number.NEGATIVE_INFINITY, askedMs)]]);
}

/** Until when a majority lets nobody else be elected. */
export function leaseEndMs(lease: Lease, { grantors, holder }: LeaseRule, terms: LeaseTerms): number {
  const needed = majorityOf(grantors.length) - 1;
  if (needed === 0) return Number.POSITIVE_INFINITY;
  const asked = grantors.filter((grantor) => grantor !== holder).flatMap((grantor) => lease.get(grantor) ?? []);
  const newest = asked.sort((left, right) => right - left)[needed - 1];
  return newest === undefined ? Number.NEGATIVE_INFINITY : newest + terms.heldMs;
}
