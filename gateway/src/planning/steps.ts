// The closed vocabulary of steps. A step is one idempotent act; it may happen twice, and there is no undo.

export type StepKind =
  /** The member's stack stands and its agent is enrolled. */
  | 'ensure_member'
  /** Nothing of the member is left. */
  | 'remove_member'
  /** The member has an empty data directory, at rest. */
  | 'initialise'
  /** A primary and its rule are committed for the next epoch. */
  | 'elect'
  /** The elected member runs as primary of the epoch, its client door shut. */
  | 'promote'
  /** The member holds a copy of the primary's data, at rest. */
  | 'seed'
  /** The member follows the primary of the epoch. */
  | 'follow'
  /** The primary's client door is open: enough voters have the first record of its epoch. */
  | 'open';

export interface Step {
  /** Unique within what leads to one set of facts: `kind/ordinal`, with epoch and generation where they matter. */
  readonly id: string;
  readonly kind: StepKind;
  readonly ordinal: number;
  readonly region: string;
  /** Steps of the same plan that come first. */
  readonly after: readonly string[];
}
