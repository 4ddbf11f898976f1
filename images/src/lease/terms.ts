// For how long a lease is granted, and for how much of that its holder may count on it. Pure.

export interface LeaseTerms {
  /** What a grantor lets pass, on its own clock from the moment it grants, before a promise of it counts. */
  readonly grantedMs: number;
  /** What the holder counts, on its own clock from the moment it asked. */
  readonly heldMs: number;
}

/** At least three times the longest way between two members. */
const GRANTED_MS = 1_500;
/** Two clocks that run differ by no more than twice this. */
const RATE_ERROR = 0.01;
/** From the look at the clock to the send, and what the clock is coarse by. */
const REACTION_MS = 100;

export const LEASE: LeaseTerms = {
  grantedMs: GRANTED_MS,
  heldMs: Math.floor(GRANTED_MS * (1 - 2 * RATE_ERROR)) - REACTION_MS,
};

/** How often a lease is asked for anew. */
export const RENEWAL_MS = GRANTED_MS / 3;

/** So many of all grantors, the holder counted, make a lease. */
export function majorityOf(grantors: number): number {
  return Math.floor(grantors / 2) + 1;
}
