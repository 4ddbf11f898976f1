// How old the oldest position is that too few voters have confirmed: by it, and no clock of theirs, the bound on what may
// be lost is held. Pure; times are of the primary's own boot-time clock.
import type { Position } from '@argosy/datastores';
import type { Progress } from '@argosy/datastores/drivers';

/** More are thinned out: an older one is taken in the place of what is missing, and the bound only tightens. */
const MAX_SAMPLES = 512;

interface Sample {
  /** All that was written before then is at or before the position. */
  readonly askedMs: number;
  readonly position: Position;
}

export interface Confirmations {
  /** All that was written before then is confirmed. */
  readonly confirmedMs: number;
  /** What is not confirmed yet, the oldest first. */
  readonly samples: readonly Sample[];
}

export interface ConfirmationRule {
  /** The other voters. */
  readonly voters: readonly string[];
  /** With so many of them any election finds what they have confirmed. */
  readonly needed: number;
  readonly compare: (left: Position, right: Position) => number;
}

/**
 * Nothing is known of what was written before. So it is for whoever begins to lead, too: the election has found its log,
 * but what in it was acknowledged long ago may be nowhere else.
 */
export const NOTHING_CONFIRMED: Confirmations = { confirmedMs: Number.NEGATIVE_INFINITY, samples: [] };

/** `askedMs` was read before the question was asked. */
export function seen(
  before: Confirmations,
  askedMs: number,
  progress: Progress,
  rule: ConfirmationRule,
): Confirmations {
  const samples = [...before.samples, { askedMs, position: progress.position }];
  const confirmed = samples.filter(({ position }) => isConfirmed(position, progress, rule));
  const confirmedMs = Math.max(before.confirmedMs, ...confirmed.map((sample) => sample.askedMs));
  const left = samples.filter((sample) => sample.askedMs > confirmedMs);
  return { confirmedMs, samples: left.length <= MAX_SAMPLES ? left : left.filter((_sample, index) => index % 2 === 0) };
}

export function isConfirmed(position: Position, progress: Progress, rule: ConfirmationRule): boolean {
  const holders = progress.confirmed.filter(
    ({ memberId, position: own }) => rule.voters.includes(memberId) && rule.compare(own, position) >= 0,
  );
  return new Set(holders.map(({ memberId }) => memberId)).size >= rule.needed;
}

/** Until when nothing unconfirmed is older than the bound. */
export function boundEndMs(confirmations: Confirmations, rpoMs: number, needed: number): number {
  return needed === 0 ? Number.POSITIVE_INFINITY : confirmations.confirmedMs + rpoMs;
}
