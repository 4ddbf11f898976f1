// What must hold in every history (figure 3 of the paper, and what the package promises beyond it). Everything is
// judged from outside: from what peers send, write, apply and say of themselves.
import type { ConfState, Entry, Message } from '../core/messages.ts';
import type { CommittedEntry, RaftSummary } from '../driver/options.ts';
import { decodeWrapped } from '../driver/wrapped.ts';
import type { FrameContent } from '../storage/record.ts';
import type { PromisedLog } from './promised-log.ts';

export class Violation extends Error {
  override readonly name = 'Violation';
}

/** What the invariants know of a peer. */
export interface WatchedPeer {
  readonly id: number;
  readonly promised: PromisedLog;
  /** Of the present process. */
  lastCommit: number;
  lastApplied: number;
  /** What its process says of itself; undefined when there is none. */
  readonly summary: RaftSummary | undefined;
  /** As it was before the present event. */
  lastMembership: ConfState | undefined;
}

function isMajority(voters: readonly number[], holders: readonly number[]): boolean {
  return voters.length === 0 || voters.filter((id) => holders.includes(id)).length * 2 > voters.length;
}

/** Whether these are a quorum of one of the memberships. */
function isQuorumOf(memberships: readonly WatchedPeer['lastMembership'][], ids: readonly number[]): boolean {
  return memberships.some(
    (one) => one !== undefined && isMajority(one.voters, ids) && isMajority(one.votersOutgoing, ids),
  );
}

interface Committed {
  readonly term: number;
  /** It was committed in this term or before. */
  readonly inTerm: number;
  readonly data: Uint8Array;
  readonly isChange: boolean;
}

function demand(condition: boolean, what: () => string): asserts condition {
  if (!condition) throw new Violation(what());
}

export class Invariants {
  readonly #peers: readonly WatchedPeer[];
  readonly #leaders = new Map<number, number>();
  readonly #entries = new Map<number, { readonly data: Uint8Array; readonly previousTerm: number }>();
  readonly #committed: (Committed | undefined)[] = [];
  #highestLeaderTerm = 0;
  readonly #chains = new Map<number, number>();
  /** Where each command took effect that must have one only once. */
  readonly #once = new Map<string, number>();
  readonly #votes = new Map<number, number>();
  /** Up to here a leader was seen to commit by a quorum. */
  #proven = 0;
  /** Commands of sessions that had no effect, for an earlier one was the same. */
  repeatsPassedOver = 0;
  /** The highest entry whose effect any client was told of. */
  acknowledgedIndex = 0;

  constructor(peers: readonly WatchedPeer[]) {
    this.#peers = peers;
  }

  get leaderCount(): number {
    return this.#leaders.size;
  }

  get highestCommitted(): number {
    return this.#committed.length - 1;
  }

  /** A frame was written, synced or not: what a log may hold after each entry is fixed for ever (log matching). */
  wrote(peer: WatchedPeer, { reset, entries }: FrameContent): void {
    let previous = reset?.term;
    const first = entries[0];
    if (first !== undefined) previous ??= peer.promised.entry(first.index - 1)?.term;
    for (const entry of entries) {
      this.#matches(peer.id, entry.index, entry.term, entry.data, previous);
      previous = entry.term;
    }
    const last = entries.at(-1);
    if (reset !== undefined || last === undefined) return;
    // What the frame cuts off was never committed.
    for (let index = last.index + 1; index <= peer.promised.lastIndex; index += 1) {
      const committed = this.#committed[index];
      const isLost = committed !== undefined && peer.promised.entry(index)?.term === committed.term;
      demand(!isLost, () => `durability: peer ${peer.id} cuts off entry ${index}, which is committed`);
    }
  }

  /** An older snapshot has none of what the newer one, which it took the place of, was the only place of. */
  keepsSnapshot({ id, promised }: WatchedPeer, newestIndex: number): void {
    const has = `has no snapshot later than ${newestIndex}`;
    demand(
      newestIndex >= promised.snapshotIndex,
      () => `peer ${id} had one up to ${promised.snapshotIndex}, and ${has}`,
    );
  }

  #matches(peer: number, index: number, term: number, data: Uint8Array, previousTerm: number | undefined): void {
    const key = index * 2 ** 20 + term;
    const known = this.#entries.get(key);
    if (known === undefined) {
      if (previousTerm !== undefined) this.#entries.set(key, { data, previousTerm });
      return;
    }
    const isSame =
      Buffer.compare(known.data, data) === 0 && (previousTerm ?? known.previousTerm) === known.previousTerm;
    demand(isSame, () => `log matching: peer ${peer} has another entry ${index} of term ${term}, or another before it`);
  }

  /** What leaves a peer is a promise, and its disk must be able to keep it. */
  sends(peer: WatchedPeer, message: Message): void {
    const { promised, id } = peer;
    if (message.type === 'MsgVote' || message.type === 'MsgPreVote') this.#campaigns(peer);
    // Also the vote for itself, which no message tells.
    const { term: ofTerm, vote: durable } = promised.hardState;
    if (durable !== 0) this.#gives(id, durable, ofTerm);
    if (message.type === 'MsgVoteResp' && !message.reject) {
      const { term, vote } = promised.hardState;
      const isKept = term > message.term || (term === message.term && vote === message.to);
      demand(isKept, () => `peer ${id} gives ${message.to} a vote of term ${message.term} that its disk does not have`);
      this.#gives(id, message.to, message.term);
    }
    // One of a term that has ended was given when the entry was in the log, and the votes since have heeded it, also if
    // another has taken its place before it was durable.
    if (message.type === 'MsgAppResp' && !message.reject && message.term >= promised.hardState.term) {
      demand(message.index <= promised.lastIndex, () => {
        return `peer ${id} acknowledges entry ${message.index}, but its disk ends at ${promised.lastIndex}`;
      });
    }
    if (message.type !== 'MsgApp') return;
    let previous = message.logTerm;
    for (const entry of [{ index: message.index, term: previous }, ...message.entries]) {
      const committed = this.#committed[entry.index];
      const isKept = committed === undefined || committed.inTerm >= message.term || committed.term === entry.term;
      demand(isKept, () => {
        return `leader completeness: peer ${id} leads with entry ${entry.index} of term ${entry.term}`;
      });
    }
    for (const entry of message.entries) {
      this.#matches(id, entry.index, entry.term, entry.data, previous);
      previous = entry.term;
    }
  }

  #gives(id: number, to: number, term: number): void {
    const key = term * 64 + id;
    const given = this.#votes.get(key) ?? to;
    this.#votes.set(key, given);
    demand(given === to, () => `peer ${id} votes for ${given} and for ${to} in term ${term}`);
  }

  /** Who knows that the members have changed counts no votes of those before. */
  #campaigns({ id, summary }: WatchedPeer): void {
    if (summary === undefined || !['candidate', 'pre-candidate'].includes(summary.role)) return;
    for (let index = summary.appliedIndex + 1; index <= summary.commitIndex; index += 1) {
      const isChange = this.#committed[index]?.isChange === true;
      demand(!isChange, () => `peer ${id} campaigns among the members of before entry ${index}`);
    }
  }

  /** The state machine of a peer was given this entry. */
  applied(peer: WatchedPeer, entry: CommittedEntry, chain: number, once?: string): void {
    this.#passesOver(peer, entry.index - 1);
    if (once !== undefined) {
      const first = this.#once.get(once) ?? entry.index;
      this.#once.set(once, first);
      demand(first === entry.index, () => `peer ${peer.id} applies ${once} in entries ${first} and ${entry.index}`);
    }
    this.#commits(peer, entry);
    this.#chain(peer, entry.index, chain);
    peer.lastApplied = entry.index;
  }

  restored(peer: WatchedPeer, index: number, chain: number): void {
    this.#chain(peer, index, chain);
    peer.lastApplied = index;
  }

  #chain(peer: WatchedPeer, index: number, chain: number): void {
    const known = this.#chains.get(index);
    if (known === undefined) this.#chains.set(index, chain);
    demand((known ?? chain) === chain, () => `state machine safety: peer ${peer.id} has another state at ${index}`);
  }

  #commits(peer: WatchedPeer, { index, term, data, type }: Entry): void {
    const known = this.#committed[index];
    const isSame = known === undefined || (known.term === term && Buffer.compare(known.data, data) === 0);
    demand(isSame, () => `state machine safety: peer ${peer.id} applies another entry ${index} (term ${term})`);
    demand(
      peer.promised.has(index, term),
      () => `peer ${peer.id} applies entry ${index}, which its disk does not have`,
    );
    if (known !== undefined) return;
    const isChange = type === 'EntryConfChange' || type === 'EntryConfChangeV2';
    this.#committed[index] = { term, inTerm: this.#highestLeaderTerm, data, isChange };
    const holders = this.#peers.filter(({ promised }) => promised.has(index, term)).map(({ id }) => id);
    const isProven = index <= this.#proven || this.#isQuorum(holders);
    demand(isProven, () => `durability: entry ${index} is applied, and only peers ${holders} have it`);
  }

  /** Whether these are a majority of any membership in use: who asks may not have applied the one that decided. */
  #isQuorum(ids: readonly number[]): boolean {
    const memberships = this.#peers.flatMap(({ summary, lastMembership }) => {
      return [summary?.membership, lastMembership].filter((one) => one !== undefined);
    });
    return (memberships.length === 0 && ids.length > 0) || isQuorumOf(memberships, ids);
  }

  /** What the state machine was not given says nothing to it. */
  #passesOver(peer: WatchedPeer, upTo: number): void {
    // What a snapshot holds was checked where it was taken.
    peer.lastApplied = Math.max(peer.lastApplied, Math.min(upTo, peer.promised.snapshotIndex));
    for (let index = peer.lastApplied + 1; index <= upTo; index += 1) {
      const entry = peer.promised.entry(index);
      demand(entry !== undefined, () => `peer ${peer.id} applies entry ${index}, which its disk does not have`);
      const isSilent = entry.data.length === 0 || (entry.type ?? 'EntryNormal') !== 'EntryNormal';
      demand(isSilent, () => `peer ${peer.id} passes over entry ${index} without applying it`);
      const isRepeat = entry.type === 'EntryWrapped' && decodeWrapped(entry.data).type === 'session-command';
      if (isRepeat && this.#committed[index] === undefined) this.repeatsPassedOver += 1;
      this.#commits(peer, entry);
      peer.lastApplied = index;
    }
  }

  /** What a peer says of itself, after each event that touched it. */
  check(peer: WatchedPeer, status: RaftSummary): void {
    const { id } = peer;
    demand(status.commitIndex >= peer.lastCommit, () => `the commit index of peer ${id} went back`);
    demand(status.appliedIndex <= status.commitIndex, () => `peer ${id} applied what is not committed`);
    this.#passesOver(peer, status.appliedIndex);
    if (status.role === 'leader') {
      this.#prove(peer, status);
      this.#checkLeader(peer, status);
    }
    peer.lastCommit = status.commitIndex;
    peer.lastMembership = status.membership;
  }

  /**
   * A leader commits by the members as it has applied them, also an entry that comes after a change: whom that brings
   * in needs a majority of those before as well, until it is left again.
   */
  #prove({ lastMembership, lastCommit }: WatchedPeer, { membership, commitIndex, term }: RaftSummary): void {
    if (commitIndex <= lastCommit || commitIndex <= this.#proven) return;
    const holders = this.#peers.filter(({ promised }) => promised.has(commitIndex, term)).map(({ id }) => id);
    if (isQuorumOf([lastMembership, membership], holders)) this.#proven = commitIndex;
  }

  #checkLeader(peer: WatchedPeer, status: RaftSummary): void {
    const { id } = peer;
    const { term, commitIndex } = status;
    const known = this.#leaders.get(term);
    demand((known ?? id) === id, () => `election safety: peers ${known} and ${id} lead in term ${term}`);
    if (known === undefined) {
      this.#leaders.set(term, id);
      const voters = this.#peers.filter((voter) => voter.id === id || this.#votes.get(term * 64 + voter.id) === id);
      demand(this.#isQuorum(voters.map((voter) => voter.id)), () => {
        return `election safety: peer ${id} leads in term ${term} by the votes of ${voters.map((voter) => voter.id)}`;
      });
      // Otherwise it could lead a second time in this term, with another log.
      demand(
        peer.promised.hardState.term >= term,
        () => `peer ${id} leads in term ${term}, which its disk does not have`,
      );
      const isLatest = term > this.#highestLeaderTerm;
      this.#highestLeaderTerm = Math.max(this.#highestLeaderTerm, term);
      // A leader's own disk may still be writing what it won with, so its log is judged by what it says and sends.
      demand(!isLatest || status.lastIndex > this.highestCommitted, () => {
        return `leader completeness: peer ${id} leads in term ${term} without entry ${this.highestCommitted}`;
      });
    }
    if (known === undefined || commitIndex <= peer.lastCommit) return;
    const entry = peer.promised.entry(commitIndex);
    // §5.4.2: what a leader commits ends with an entry of its own term.
    demand(entry === undefined || entry.term === term, () => {
      return `peer ${id} commits entry ${commitIndex} of term ${entry?.term} by counting, in term ${term}`;
    });
  }

  /** A linearizable read that began when `since` was acknowledged shows the state as of `appliedIndex`. */
  read(peer: WatchedPeer, since: number, appliedIndex: number): void {
    demand(appliedIndex >= since, () => {
      return `stale read: peer ${peer.id} shows entry ${appliedIndex}, but ${since} was acknowledged before`;
    });
    this.acknowledgedIndex = Math.max(this.acknowledgedIndex, appliedIndex);
  }
}
