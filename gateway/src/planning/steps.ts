// The closed vocabulary of steps. A step is one idempotent act; it may happen twice, and there is no undo.

export type StepKind =
  /** The member's stack stands and its agent is enrolled. */
  | 'ensure_member'
  /** Nothing of the member is left. */
  | 'remove_member'
  /** The member has an empty data directory, at rest. */
  | 'initialise'
  /** An epoch is committed in which nobody is primary yet. */
  | 'raise_epoch'
  /** The member serves no older epoch, and has said how far its log reaches. */
  | 'promise'
  /** A primary and its rule are committed for the epoch. */
  | 'elect'
  /** The elected member runs as primary of the epoch, its client door shut. */
  | 'promote'
  /** The running primary has the newest rule, its peers, and the first user's newest password. */
  | 'configure'
  /** The member holds a copy of the primary's data, at rest. */
  | 'seed'
  /** What the member's log held too much is saved, and its data go on with the primary's, at rest. */
  | 'rejoin'
  /** The member follows the primary of the epoch, under the newest rule. */
  | 'follow'
  /** The primary's client door is open, and enough voters have what was written under the newest rule. */
  | 'open'
  /** A new rule is committed; until the primary is found open under it, the old one is live too. */
  | 'change_rule'
  /** The member's database has ended cleanly, so that its volume can be taken from it. */
  | 'rest'
  /** The member runs with the parameters that are wished. */
  | 'set_parameters'
  /** The member has the users and databases that are wished, and none that shall be gone. */
  | 'set_accounts'
  /** Where the engine rules itself: the member is a cluster of its own, with the tenant's first user. */
  | 'found'
  /** The member has a vote in the engine's cluster, and serves. */
  | 'join'
  /** The engine counts the member no more; a living member in the step's region sees to it. */
  | 'dismiss'
  /** Where the engine rules itself: the member has begun its cluster anew from its own data. */
  | 'refound'
  /** The member has the flavor and the volume that are wished. */
  | 'resize';

export interface Step {
  /** `kind/ordinal`, with epoch and generation where they matter. */
  readonly id: string;
  readonly kind: StepKind;
  readonly ordinal: number;
  readonly region: string;
  /** Why it must wait, in a sentence. */
  readonly blocked?: string;
}
