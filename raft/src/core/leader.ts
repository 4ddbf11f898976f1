// What a leader does with each message.
import { assert } from '../assert.ts';
import { type Message, none } from './messages.ts';
import type { Progress } from './progress.ts';
import { propose } from './proposing.ts';
import { jointVoteResult } from './quorum.ts';
import type { RaftCore, StepRefusal } from './raft.ts';
import { acknowledgeRead, receiveReadIndex, releasePendingReads } from './reads.ts';
import { broadcastAppend, broadcastHeartbeat, maybeCommit, others, sendAppend } from './replication.ts';
import { continueTransfer, receiveTransfer } from './transfer.ts';

export function stepLeader(raft: RaftCore, message: Message): StepRefusal | undefined {
  switch (message.type) {
    case 'MsgBeat':
      if (raft.config.readOnly === 'lease-based') raft.readOnly.open(raft.ageTicks);
      broadcastHeartbeat(raft);
      return undefined;
    case 'MsgCheckQuorum':
      checkQuorum(raft);
      return undefined;
    case 'MsgProp':
      return propose(raft, message.entries);
    case 'MsgReadIndex':
      receiveReadIndex(raft, message);
      return undefined;
    default: {
      const progress = raft.progress.get(message.from);
      if (progress !== undefined) receiveFromPeer(raft, message, progress);
      return undefined;
    }
  }
}

function receiveFromPeer(raft: RaftCore, message: Message, progress: Progress): void {
  switch (message.type) {
    case 'MsgAppResp':
      receiveAppendResponse(raft, message, progress);
      return;
    case 'MsgHeartbeatResp':
      receiveHeartbeatResponse(raft, message, progress);
      return;
    case 'MsgSnapStatus':
      receiveSnapshotStatus(message, progress);
      return;
    case 'MsgUnreachable':
      // What is under way to it is probably lost.
      if (progress.state === 'replicate') progress.becomeProbe();
      return;
    case 'MsgTransferLeader':
      receiveTransfer(raft, message, progress);
      return;
    default:
      // Nobody else leads in this term (§5.2), and votes that come late change nothing.
      assert(!['MsgApp', 'MsgHeartbeat', 'MsgSnap'].includes(message.type), `two leaders in term ${raft.term}`);
  }
}

/** Thesis §6.2: who is not heard by a majority must not keep clients waiting. */
function checkQuorum(raft: RaftCore): void {
  const active = new Map(Array.from(raft.progress, ([id, { recentActive }]) => [id, recentActive]));
  if (jointVoteResult(raft.configuration, active) !== 'won') raft.becomeFollower(raft.term, none);
  for (const [, progress] of others(raft)) progress.recentActive = false;
}

function receiveAppendResponse(raft: RaftCore, message: Message, progress: Progress): void {
  progress.recentActive = true;
  if (message.reject) {
    receiveRejection(raft, message, progress);
    return;
  }
  assert(message.index <= raft.log.lastIndex, 'nobody has more of this term than its leader');
  const isNews = progress.maybeUpdate(message.index);
  // A peer that we only lost sight of has no news, and yet shows where the logs agree (etcd-io/raft#52).
  if (!isNews && !(progress.match === message.index && progress.state === 'probe')) return;

  if (progress.state === 'probe') progress.becomeReplicate();
  else if (progress.state === 'snapshot' && progress.match + 1 >= raft.log.firstIndex) {
    // No matter which snapshot it has, as long as the log continues it.
    progress.becomeProbe();
    progress.becomeReplicate();
  } else if (progress.state === 'replicate') progress.freeUpTo(message.index);

  const isOther = message.from !== raft.id;
  if (maybeCommit(raft)) {
    releasePendingReads(raft);
    broadcastAppend(raft);
  } else if (isOther && progress.canBumpCommit(raft.log.committed)) sendAppend(raft, message.from);
  // The window may have opened for several messages.
  if (isOther) while (sendAppend(raft, message.from, false));
  continueTransfer(raft, message.from, progress);
}

/**
 * §5.3, with the paper's shortcut: the follower names the last place whose term is not above ours, and we skip
 * every entry of ours whose term is above the one it has there. So a term, not an entry, costs one round.
 */
function receiveRejection(raft: RaftCore, message: Message, progress: Progress): void {
  const hint =
    message.logTerm > 0 ? raft.log.findConflictByTerm(message.rejectHint, message.logTerm).index : message.rejectHint;
  if (!progress.maybeDecreaseTo(message.index, hint)) return;
  if (progress.state === 'replicate') progress.becomeProbe();
  sendAppend(raft, message.from);
}

function receiveHeartbeatResponse(raft: RaftCore, message: Message, progress: Progress): void {
  progress.recentActive = true;
  progress.isPaused = false;
  // Even an empty append finds out that an earlier one was lost.
  if (progress.match < raft.log.lastIndex || progress.state === 'probe') sendAppend(raft, message.from);
  acknowledgeRead(raft, message);
}

/** The caller's word on what became of a snapshot. The next MsgApp waits for the peer's own, or for a heartbeat. */
function receiveSnapshotStatus(message: Message, progress: Progress): void {
  if (progress.state !== 'snapshot') return;
  if (message.reject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  progress.isPaused = true;
}
