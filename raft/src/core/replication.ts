// A leader's sending (§5.3) and committing (§5.4.2).
import { assert } from '../assert.ts';
import type { Progress } from './progress.ts';
import { reachedByBoth } from './quorum.ts';
import type { RaftCore } from './raft.ts';

/** Everybody but this peer, learners included, in ascending order. */
export function others(raft: RaftCore): [number, Progress][] {
  return [...raft.progress].filter(([id]) => id !== raft.id);
}

/** Sends what the peer lacks. With `evenEmpty` also when it lacks nothing, which tells it the commit index. */
export function sendAppend(raft: RaftCore, to: number, evenEmpty = true): boolean {
  const progress = raft.progress.get(to);
  assert(progress !== undefined, `peer ${to} takes part`);
  if (progress.mustWait) return false;
  const previous = progress.next - 1;
  const logTerm = raft.log.term(previous);
  if (logTerm === undefined) return sendSnapshot(raft, to, progress);
  // When all that may be under way is, an empty message still finds out whether all of it was lost.
  const mayCarry = progress.state !== 'replicate' || !progress.isFull;
  const entries = mayCarry ? raft.log.entriesFrom(progress.next, raft.config.limits.maxBytesPerMessage) : [];
  if (entries?.length === 0 && !evenEmpty) return false;
  if (entries === undefined) return sendSnapshot(raft, to, progress);
  raft.send('MsgApp', to, { index: previous, logTerm, entries, commit: raft.log.committed });
  progress.sentEntries(entries);
  progress.sentCommit(raft.log.committed);
  return true;
}

/** §7: a peer that needs what was compacted gets the snapshot; one that is silent does not, for it would be wasted. */
function sendSnapshot(raft: RaftCore, to: number, progress: Progress): boolean {
  if (!progress.recentActive) return false;
  const { snapshotSource } = raft.config;
  const snapshot = raft.log.pendingSnapshot ?? (snapshotSource === undefined ? raft.log.snapshot : snapshotSource());
  if (snapshot === undefined) {
    assert(snapshotSource !== undefined, 'what was compacted is in a snapshot');
    return false;
  }
  progress.becomeSnapshot(snapshot.metadata.index);
  raft.send('MsgSnap', to, { snapshot });
  return true;
}

export function broadcastAppend(raft: RaftCore): void {
  for (const [id] of others(raft)) sendAppend(raft, id);
}

/** Heartbeats carry no more commit than the peer is known to have, since nothing in them proves that the logs match. */
export function broadcastHeartbeat(raft: RaftCore): void {
  const context = raft.readOnly.context();
  for (const [id, progress] of others(raft)) {
    const commit = Math.min(progress.match, raft.log.committed);
    raft.send('MsgHeartbeat', id, { commit, context });
    progress.sentCommit(commit);
  }
}

/**
 * §5.4.2 and figure 8: counting replicas commits only entries of the leader's own term; what lies before them is
 * committed with them. Returns whether anything was.
 */
export function maybeCommit(raft: RaftCore): boolean {
  const index = reachedByBoth(raft.configuration, (voter) => raft.progress.get(voter)?.match ?? 0);
  if (index <= raft.log.committed || raft.log.term(index) !== raft.term) return false;
  raft.log.commitTo(index);
  return true;
}
