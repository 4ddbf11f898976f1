// Proposals between the caller's promise and the log. One is either still queued (then a refusal is sure) or appended
// at an index and term (then only its application, or losing sight of it, ends the wait).
import { assert } from '../assert.ts';
import type { Entry } from '../core/messages.ts';
import type { ProposeResult } from '../core/raw-node.ts';
import { ClosedError, NotLeaderError, ProposalRefusedError, ProposalUnknownError } from '../errors.ts';
import type { Applied } from './options.ts';

interface Proposal {
  readonly entry: Pick<Entry, 'type' | 'data'>;
  readonly deadlineMs: number;
  readonly resolve: (applied: Applied) => void;
  readonly reject: (error: Error) => void;
}

interface Appended {
  readonly term: number;
  readonly proposal: Proposal;
}

export class Proposals {
  #queue: Proposal[] = [];
  readonly #appended = new Map<number, Appended>();

  get hasQueued(): boolean {
    return this.#queue.length > 0;
  }

  get count(): number {
    return this.#queue.length + this.#appended.size;
  }

  /** Resolves when it is applied. */
  add(entry: Proposal['entry'], deadlineMs: number): Promise<Applied> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry, deadlineMs, resolve, reject });
    });
  }

  /** Gives what is queued to the log, in groups of at most so many bytes. */
  append(maxBytes: number, propose: (entries: Proposal['entry'][]) => ProposeResult): void {
    for (const group of groupsOf(this.#takeQueued(), maxBytes)) {
      const answer = propose(group.map(({ entry }) => entry));
      if (answer.isAccepted) this.#appendedFrom(answer.index, answer.term, group);
      else for (const { reject } of group) reject(refusal(answer));
    }
  }

  #takeQueued(): Proposal[] {
    const queued = this.#queue;
    this.#queue = [];
    return queued;
  }

  #appendedFrom(firstIndex: number, term: number, proposals: readonly Proposal[]): void {
    proposals.forEach((proposal, at) => {
      this.#appended.set(firstIndex + at, { term, proposal });
    });
  }

  applied(index: number, term: number, result: unknown): void {
    const waiting = this.#appended.get(index);
    if (waiting === undefined) return;
    this.#appended.delete(index);
    if (waiting.term === term) waiting.proposal.resolve({ index, term, result });
    else waiting.proposal.reject(new ProposalUnknownError(index, waiting.term, 'another entry took its place'));
  }

  /** This peer does not lead in `term`: what it appended before is in others' hands. */
  lostLeadership(leaderId: number | undefined): void {
    for (const proposal of this.#takeQueued()) proposal.reject(new NotLeaderError(leaderId));
    this.#rejectAppended('leadership was lost');
  }

  expire(nowMs: number): void {
    const late = this.#queue.filter((proposal) => proposal.deadlineMs <= nowMs);
    if (late.length > 0) this.#queue = this.#queue.filter((proposal) => proposal.deadlineMs > nowMs);
    for (const proposal of late) proposal.reject(new ProposalRefusedError('It was not appended in time.'));
    for (const [index, { term, proposal }] of this.#appended) {
      if (proposal.deadlineMs > nowMs) continue;
      this.#appended.delete(index);
      proposal.reject(new ProposalUnknownError(index, term, 'the time ran out'));
    }
  }

  close(cause?: Error): void {
    for (const proposal of this.#takeQueued()) proposal.reject(new ClosedError());
    this.#rejectAppended('this peer was closed', cause);
  }

  #rejectAppended(why: string, cause?: Error): void {
    for (const [index, { term, proposal }] of this.#appended) {
      proposal.reject(new ProposalUnknownError(index, term, why, cause === undefined ? undefined : { cause }));
    }
    this.#appended.clear();
  }
}

/** Together no group has more than `maxBytes`, unless its only member has. */
function groupsOf(proposals: readonly Proposal[], maxBytes: number): Proposal[][] {
  const groups: Proposal[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const proposal of proposals) {
    bytes += proposal.entry.data.length;
    const group = groups.at(-1);
    if (group !== undefined && bytes <= maxBytes) group.push(proposal);
    else {
      groups.push([proposal]);
      bytes = proposal.entry.data.length;
    }
  }
  return groups;
}

/** Why the core did not append it, as the caller is told. */
export function refusal({ reason, lead }: ProposeResult & { readonly isAccepted: false }): Error {
  assert(reason !== 'forwarded', 'this driver forwards nothing');
  if (reason === 'not-leader') return new NotLeaderError(lead || undefined);
  if (reason === 'transferring') return new ProposalRefusedError('Leadership is being handed over.');
  return new ProposalRefusedError('Too much waits to be committed.');
}
