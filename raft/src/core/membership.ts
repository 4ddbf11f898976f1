// Who takes part, and how that changes (§6, thesis §4.3). Pure: a change works on copies and returns the new
// configuration, or refuses. Voters and learners never overlap: an outgoing voter that is to become a learner waits in
// `learnersNext` until the joint configuration is left.
import type { ConfChangeSingle } from './conf-change.ts';
import type { ConfState } from './messages.ts';
import { type InflightLimits, Progress } from './progress.ts';

/** A change that must not be made. Whoever proposes it gets no such configuration. */
export class MembershipError extends Error {
  override readonly name = 'MembershipError';
}

export interface Configuration {
  readonly incoming: ReadonlySet<number>;
  readonly outgoing: ReadonlySet<number>;
  readonly learners: ReadonlySet<number>;
  readonly learnersNext: ReadonlySet<number>;
  readonly autoLeave: boolean;
}

export interface Membership {
  readonly configuration: Configuration;
  readonly progress: ReadonlyMap<number, Progress>;
}

/** What a new peer's progress begins with. */
export interface NewProgress {
  readonly lastIndex: number;
  readonly limits: InflightLimits;
}

export const emptyMembership: Membership = {
  configuration: {
    incoming: new Set(),
    outgoing: new Set(),
    learners: new Set(),
    learnersNext: new Set(),
    autoLeave: false,
  },
  progress: new Map(),
};

/** A membership while it is being changed. */
class Draft {
  readonly incoming: Set<number>;
  outgoing: Set<number>;
  readonly learners: Set<number>;
  readonly learnersNext: Set<number>;
  autoLeave: boolean;
  readonly progress: Map<number, Progress>;
  readonly #new: NewProgress;

  constructor({ configuration, progress }: Membership, fresh: NewProgress) {
    this.incoming = new Set(configuration.incoming);
    this.outgoing = new Set(configuration.outgoing);
    this.learners = new Set(configuration.learners);
    this.learnersNext = new Set(configuration.learnersNext);
    this.autoLeave = configuration.autoLeave;
    this.progress = new Map(Array.from(progress, ([id, known]) => [id, known.clone()]));
    this.#new = fresh;
  }

  apply(changes: readonly ConfChangeSingle[]): void {
    for (const { type, nodeId } of changes) {
      // Whoever proposed a change may have taken it back by naming nobody.
      if (nodeId === 0) continue;
      if (type === 'AddNode') this.#makeVoter(nodeId);
      else if (type === 'AddLearnerNode') this.#makeLearner(nodeId);
      else if (type === 'RemoveNode') this.#remove(nodeId);
    }
    if (this.incoming.size === 0) throw new MembershipError('removed all voters');
  }

  #makeVoter(id: number): void {
    const known = this.progress.get(id);
    if (known === undefined) this.#addProgress(id, false);
    else known.isLearner = false;
    this.learners.delete(id);
    this.learnersNext.delete(id);
    this.incoming.add(id);
  }

  #makeLearner(id: number): void {
    const known = this.progress.get(id);
    if (known === undefined) {
      this.#addProgress(id, true);
      this.learners.add(id);
      return;
    }
    if (known.isLearner) return;
    this.#remove(id);
    this.progress.set(id, known);
    if (this.outgoing.has(id)) {
      this.learnersNext.add(id);
      return;
    }
    known.isLearner = true;
    this.learners.add(id);
  }

  #remove(id: number): void {
    this.incoming.delete(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
    if (!this.outgoing.has(id)) this.progress.delete(id);
  }

  #addProgress(id: number, isLearner: boolean): void {
    const progress = new Progress(Math.max(this.#new.lastIndex, 1), this.#new.limits);
    progress.isLearner = isLearner;
    // It had no chance to be heard yet: the next check for a quorum must not count that against it.
    progress.recentActive = true;
    this.progress.set(id, progress);
  }

  finish(): Membership {
    const { incoming, outgoing, learners, learnersNext, autoLeave, progress } = this;
    const ordered = new Map([...progress].sort(([a], [b]) => a - b));
    return { configuration: { incoming, outgoing, learners, learnersNext, autoLeave }, progress: ordered };
  }
}

export function isJoint({ outgoing }: Configuration): boolean {
  return outgoing.size > 0;
}

/** Changes at most one voter at once, which needs no joint configuration (thesis §4.1). Throws MembershipError. */
export function changeSimply(from: Membership, changes: readonly ConfChangeSingle[], fresh: NewProgress): Membership {
  if (isJoint(from.configuration)) throw new MembershipError("can't apply simple config change in joint config");
  const draft = new Draft(from, fresh);
  draft.apply(changes);
  const before = from.configuration.incoming;
  const added = [...draft.incoming].filter((id) => !before.has(id)).length;
  const removed = [...before].filter((id) => !draft.incoming.has(id)).length;
  if (added + removed > 1) throw new MembershipError('more than one voter changed without entering joint config');
  return draft.finish();
}

/** From C(old) to C(old,new): from here on both majorities decide (§6). Throws MembershipError. */
export function enterJoint(
  from: Membership,
  changes: readonly ConfChangeSingle[],
  { autoLeave, ...fresh }: NewProgress & { readonly autoLeave: boolean },
): Membership {
  if (isJoint(from.configuration)) throw new MembershipError('config is already joint');
  if (from.configuration.incoming.size === 0) throw new MembershipError("can't make a zero-voter config joint");
  const draft = new Draft(from, fresh);
  draft.outgoing = new Set(draft.incoming);
  draft.apply(changes);
  draft.autoLeave = autoLeave;
  return draft.finish();
}

/** From C(old,new) to C(new). Throws MembershipError. */
export function leaveJoint(from: Membership, fresh: NewProgress): Membership {
  if (!isJoint(from.configuration)) throw new MembershipError("can't leave a non-joint config");
  const draft = new Draft(from, fresh);
  for (const id of draft.learnersNext) {
    draft.learners.add(id);
    const progress = draft.progress.get(id);
    if (progress !== undefined) progress.isLearner = true;
  }
  draft.learnersNext.clear();
  for (const id of draft.outgoing) {
    if (!draft.incoming.has(id) && !draft.learners.has(id)) draft.progress.delete(id);
  }
  draft.outgoing = new Set();
  draft.autoLeave = false;
  return draft.finish();
}

/** The membership that a snapshot or the start names. Throws MembershipError when there is no such one. */
export function restoreMembership(state: ConfState, fresh: NewProgress): Membership {
  const add = (nodeId: number): ConfChangeSingle => ({ type: 'AddNode', nodeId });
  const changes = [
    ...state.votersOutgoing.map((nodeId): ConfChangeSingle => ({ type: 'RemoveNode', nodeId })),
    ...state.voters.map(add),
    ...[...state.learners, ...state.learnersNext].map(
      (nodeId): ConfChangeSingle => ({ type: 'AddLearnerNode', nodeId }),
    ),
  ];
  const oneByOne = (from: Membership, singles: readonly ConfChangeSingle[]) =>
    singles.reduce((membership, change) => changeSimply(membership, [change], fresh), from);
  if (state.votersOutgoing.length === 0) return oneByOne(emptyMembership, changes);
  const before = oneByOne(emptyMembership, state.votersOutgoing.map(add));
  return enterJoint(before, changes, { ...fresh, autoLeave: state.autoLeave });
}

export function confStateOf({ incoming, outgoing, learners, learnersNext, autoLeave }: Configuration): ConfState {
  const sorted = (ids: ReadonlySet<number>) => [...ids].sort((a, b) => a - b);
  return {
    voters: sorted(incoming),
    votersOutgoing: sorted(outgoing),
    learners: sorted(learners),
    learnersNext: sorted(learnersNext),
    autoLeave,
  };
}
