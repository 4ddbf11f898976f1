// A leader's sending (§5.3) and committing (§5.4.2).
import { assert } from '../assert.ts';
import type { Progress } from './progress.ts';
import { reachedByMajority } from './quorum.ts';
import type { RaftCore } from './raft.ts';

export function progressOf(raft: RaftCore, peer: number): Progress {
  const progress = raft.progress.get(peer);
  assert(progress !== undefined, `peer ${peer} is not a voter`);
  return progress;
}

export function otherVoters(raft: RaftCore): number[] {
  return raft.voters.filter((voter) => voter !== raft.id);
}

/** Sends what the peer lacks. With `evenEmpty` also when it lacks nothing, which tells it the commit index. */
export function sendAppend(raft: RaftCore, to: number, evenEmpty = true): boolean {
  const progress = progressOf(raft, to);
  if (progress.mustWait) return false;
  const previous = progress.next - 1;
  const logTerm = raft.log.term(previous);
  const mayCarry = progress.state !== 'replicate' || !progress.isFull;
  const entries = mayCarry ? raft.log.entriesFrom(progress.next, raft.config.limits.maxBytesPerMessage) : [];
  if (logTerm === undefined || entries === undefined) return sendSnapshot(raft, to, progress);
  if (entries.length === 0 && !evenEmpty) return false;
  raft.send('MsgApp', to, { index: previous, logTerm, entries, commit: raft.log.committed });
  progress.sentEntries(entries);
  return true;
}

/** §7: a peer that needs what was compacted gets the snapshot; one that is silent does not, for it would be wasted. */
function sendSnapshot(raft: RaftCore, to: number, progress: Progress): boolean {
  if (!progress.recentActive) return false;
  const snapshot = raft.log.snapshot;
  assert(snapshot !== undefined, 'what was compacted is in a snapshot');
  raft.send('MsgSnap', to, { snapshot });
  progress.becomeSnapshot(snapshot.metadata.index);
  return true;
}

export function broadcastAppend(raft: RaftCore): void {
  for (const voter of otherVoters(raft)) sendAppend(raft, voter);
}

/** Heartbeats carry no more commit than the peer is known to have, since nothing in them proves that the logs match. */
export function broadcastHeartbeat(raft: RaftCore): void {
  const context = raft.readOnly.context();
  for (const voter of otherVoters(raft)) {
    const commit = Math.min(progressOf(raft, voter).match, raft.log.committed);
    raft.send('MsgHeartbeat', voter, { commit, context });
  }
}

/**
 * §5.4.2 and figure 8: counting replicas commits only entries of the leader's own term; what lies before them is
 * committed with them. Returns whether anything was.
 */
export function maybeCommit(raft: RaftCore): boolean {
  const index = reachedByMajority(raft.voters, (voter) => progressOf(raft, voter).match);
  if (index <= raft.log.committed || raft.log.term(index) !== raft.term) return false;
  raft.log.commitTo(index);
  return true;
}
