// Who takes part, as callers name it. Every change goes through a joint configuration (§6), also one of a single
// peer, and the leader, whoever that is by then, leaves it by itself.
import type { ConfChange, ConfChangeSingle } from '../core/conf-change.ts';
import type { ConfState, Entry } from '../core/messages.ts';
import type { CoreStatus, RawNode } from '../core/raw-node.ts';
import { ProposalRefusedError, ProposalUnknownError } from '../errors.ts';
import type { PeerAddress } from '../transport/transport.ts';
import type { RaftOptions } from './options.ts';
import { refusal } from './proposals.ts';
import { Waits } from './waits.ts';

export interface Membership {
  /** At least one. */
  readonly voters: readonly number[];
  /** They get the log and have no vote. Default: nobody. */
  readonly learners?: readonly number[];
}

/** Changes of the members and of the leader that somebody waits for. */
export class Members {
  readonly #core: RawNode;
  readonly #peers: readonly PeerAddress[];
  readonly #appliedIndex: () => number;
  readonly #changed: (membership: ConfState) => void;
  readonly #waits = new Waits();
  /**
   * As of the last applied entry. The core is ahead of that when it has got a snapshot that is not installed yet, and a
   * snapshot of ours must not name members from the future.
   */
  confState: ConfState;
  /** Changes that were applied while somebody waits for one, as `index/term`. */
  readonly #applied = new Set<string>();

  constructor(core: RawNode, { peers, trace }: RaftOptions, appliedIndex: () => number) {
    this.#core = core;
    this.#peers = peers;
    this.#appliedIndex = appliedIndex;
    this.#changed = (membership) => trace?.({ type: 'membership', membership });
    this.confState = core.status().confState;
  }

  /** Resolves when these are the members. Only on the leader. */
  async change(target: Membership, deadlineMs: number): Promise<void> {
    checkMembership(
      target,
      this.#peers.map(({ id }) => id),
    );
    const changes = changesTowards(target, this.#core.status().confState);
    if (changes.length === 0) return;
    const answer = this.#core.proposeConfChange({ version: 2, transition: 'joint-implicit', changes });
    if (!answer.isAccepted) throw refusal(answer);
    const { index, term } = answer;
    await this.#waits.until({
      deadlineMs,
      look: () => this.#outcome(index, term),
      late: () => new ProposalUnknownError(index, term, 'the time ran out'),
    });
  }

  #outcome(index: number, term: number): true | Error | undefined {
    if (this.#appliedIndex() < index) return undefined;
    if (!this.#applied.has(`${index}/${term}`)) {
      return new ProposalRefusedError('Another entry took its place, or another change was under way.');
    }
    return this.confState.votersOutgoing.length === 0 ? true : undefined;
  }

  /** Resolves with who leads, when that is another. Only on the leader. */
  async transfer(to: number | undefined, deadlineMs: number): Promise<number> {
    const status = this.#core.status();
    const successor = to ?? successorOf(status);
    const refused = new ProposalRefusedError(`Peer ${successor ?? 0} did not take over.`);
    if (successor === undefined || successor === status.id) throw refused;
    this.#core.transferLeadership(successor);
    const look = (): number | Error | undefined => {
      const { role, lead, leadTransferee } = this.#core.basicStatus();
      if (role === 'leader') return leadTransferee === successor ? undefined : refused;
      return lead > 0 ? lead : undefined;
    };
    return this.#waits.until({ deadlineMs, look, late: () => refused });
  }

  apply(change: ConfChange, { index, term }: Entry): void {
    this.confState = this.#core.applyConfChange(change, index);
    this.#changed(this.confState);
    if (this.#waits.count > 0) this.#applied.add(`${index}/${term}`);
    else this.#applied.clear();
  }

  /** The state machine is that of a snapshot from the leader now. */
  installed(confState: ConfState | undefined): void {
    this.confState = confState ?? this.confState;
    this.#changed(this.confState);
  }

  look(nowMs: number): void {
    this.#waits.look(nowMs);
  }

  close(): void {
    this.#waits.close();
  }
}

/** Throws ProposalRefusedError for a membership that cannot be. */
function checkMembership({ voters, learners = [] }: Membership, known: readonly number[]): void {
  const all = [...voters, ...learners];
  if (voters.length === 0) throw new ProposalRefusedError('Somebody must vote.');
  if (new Set(all).size < all.length) throw new ProposalRefusedError('Nobody takes part twice.');
  const unknown = all.filter((id) => !known.includes(id));
  if (unknown.length > 0) throw new ProposalRefusedError(`Nobody knows the address of peer ${unknown.join(', ')}.`);
}

/** What makes the one of the other; empty when they are the same. */
function changesTowards({ voters, learners = [] }: Membership, now: ConfState): ConfChangeSingle[] {
  if (now.votersOutgoing.length > 0) throw new ProposalRefusedError('Another change of the members is under way.');
  const change =
    (type: ConfChangeSingle['type']) =>
    (nodeId: number): ConfChangeSingle => ({ type, nodeId });
  const gone = [...now.voters, ...now.learners].filter((id) => !voters.includes(id) && !learners.includes(id));
  return [
    ...voters.filter((id) => !now.voters.includes(id)).map(change('AddNode')),
    ...learners.filter((id) => !now.learners.includes(id)).map(change('AddLearnerNode')),
    ...gone.map(change('RemoveNode')),
  ];
}

/** The voter that would take over soonest: heard of lately, and with the most of the log. */
export function successorOf({ id, progress, confState }: CoreStatus): number | undefined {
  const candidates = [...progress].filter(
    ([peer, { isRecentlyActive }]) => peer !== id && isRecentlyActive && confState.voters.includes(peer),
  );
  return candidates.sort(([, a], [, b]) => b.match - a.match)[0]?.[0];
}
