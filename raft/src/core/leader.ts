// What a leader does with each message.
import { assert } from '../assert.ts';
import { type Message, none } from './messages.ts';
import type { Progress } from './progress.ts';
import { majority } from './quorum.ts';
import type { RaftCore } from './raft.ts';
import {
  broadcastAppend,
  broadcastHeartbeat,
  maybeCommit,
  otherVoters,
  progressOf,
  sendAppend,
} from './replication.ts';

export function stepLeader(raft: RaftCore, message: Message): void {
  switch (message.type) {
    case 'MsgBeat':
      broadcastHeartbeat(raft);
      return;
    case 'MsgCheckQuorum':
      checkQuorum(raft);
      return;
    case 'MsgProp':
      assert(message.entries.length > 0, 'a proposal has entries');
      if (raft.appendEntries(message.entries.map((entry) => entry.data))) broadcastAppend(raft);
      return;
    case 'MsgReadIndex':
      receiveReadIndex(raft, message);
      return;
    case 'MsgAppResp':
      if (raft.progress.has(message.from)) receiveAppendResponse(raft, message);
      return;
    case 'MsgHeartbeatResp':
      if (raft.progress.has(message.from)) receiveHeartbeatResponse(raft, message);
      return;
    default:
      // Nobody else leads in this term (§5.2), and votes that come late change nothing.
      assert(!['MsgApp', 'MsgHeartbeat', 'MsgSnap'].includes(message.type), `two leaders in term ${raft.term}`);
  }
}

/** Thesis §6.2: who is not heard by a majority must not keep clients waiting. */
function checkQuorum(raft: RaftCore): void {
  const active = raft.voters.filter((voter) => voter === raft.id || progressOf(raft, voter).recentActive);
  if (active.length < majority(raft.voters.length)) {
    raft.becomeFollower(raft.term, none);
    return;
  }
  for (const voter of otherVoters(raft)) progressOf(raft, voter).recentActive = false;
}

function receiveAppendResponse(raft: RaftCore, message: Message): void {
  const progress = progressOf(raft, message.from);
  progress.recentActive = true;
  if (message.reject) {
    receiveRejection(raft, message, progress);
    return;
  }
  assert(message.index <= raft.log.lastIndex, 'nobody has more of this term than its leader');
  const isNews = progress.maybeUpdate(message.index);
  if (!isNews && !(progress.match === message.index && progress.state === 'probe')) return;

  if (progress.state === 'probe') progress.becomeReplicate();
  else if (progress.state === 'snapshot' && progress.match + 1 >= raft.log.firstIndex) progress.becomeReplicate();
  else if (progress.state === 'replicate') progress.freeUpTo(message.index);

  if (maybeCommit(raft)) {
    releasePendingReads(raft);
    broadcastAppend(raft);
  }
  // The window may have opened for several messages. What the commit made news of is sent with them.
  if (message.from !== raft.id) while (sendAppend(raft, message.from, false));
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

function receiveHeartbeatResponse(raft: RaftCore, message: Message): void {
  const progress = progressOf(raft, message.from);
  progress.recentActive = true;
  progress.isPaused = false;
  // Even an empty append finds out that an earlier one was lost.
  if (progress.match < raft.log.lastIndex || progress.state === 'probe') sendAppend(raft, message.from);
  if (message.context === '') return;
  for (const read of raft.readOnly.acknowledge(raft.id, message.from, message.context, raft.voters)) {
    answerRead(raft, read.message, read.index);
  }
}

/** §8: a leader that has committed nothing in its term may lack commits of its predecessor, so the read waits. */
function receiveReadIndex(raft: RaftCore, message: Message): void {
  if (!raft.hasCommittedInTerm) {
    raft.pendingReadIndexMessages.push(message);
    return;
  }
  if (raft.voters.length === 1) {
    answerRead(raft, message, raft.log.committed);
    return;
  }
  raft.readOnly.add(message, raft.log.committed);
  broadcastHeartbeat(raft);
}

function releasePendingReads(raft: RaftCore): void {
  if (!raft.hasCommittedInTerm) return;
  const waiting = raft.pendingReadIndexMessages;
  raft.pendingReadIndexMessages = [];
  for (const message of waiting) receiveReadIndex(raft, message);
}

function answerRead(raft: RaftCore, message: Message, index: number): void {
  const { context, from } = message;
  if (from === raft.id || from === none) raft.readStates.push({ index, context });
  else raft.send('MsgReadIndexResp', from, { index, context });
}
