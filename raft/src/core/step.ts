// The entrance of every message and of time. The term is handled here once, for all types (§5.1).
import { answerVote, hup } from './election.ts';
import { stepCandidate, stepFollower } from './follower.ts';
import { stepLeader } from './leader.ts';
import { type Message, type MessageType, makeMessage, none } from './messages.ts';
import type { RaftCore } from './raft.ts';
import { otherVoters, progressOf } from './replication.ts';

const fromLeader: readonly MessageType[] = ['MsgApp', 'MsgHeartbeat', 'MsgSnap'];

export function step(raft: RaftCore, message: Message): void {
  if (message.term > raft.term && !acceptLaterTerm(raft, message)) return;
  if (message.term !== 0 && message.term < raft.term) {
    refuseEarlierTerm(raft, message);
    return;
  }
  switch (message.type) {
    case 'MsgHup':
      hup(raft);
      return;
    case 'MsgVote':
    case 'MsgPreVote':
      answerVote(raft, message);
      return;
    default:
      if (raft.role === 'leader') stepLeader(raft, message);
      else if (raft.role === 'follower') stepFollower(raft, message);
      else stepCandidate(raft, message);
  }
}

/** §5.1: a later term ends whatever we were doing in ours. Returns whether the message is to be handled further. */
function acceptLaterTerm(raft: RaftCore, message: Message): boolean {
  const isVote = message.type === 'MsgVote' || message.type === 'MsgPreVote';
  // Thesis §4.2.3: who has heard its leader of late grants no vote and does not even learn the term.
  const hearsLeader = raft.config.checkQuorum && raft.lead !== none && raft.electionElapsed < raft.config.electionTicks;
  if (isVote && hearsLeader) return false;
  // A question changes no term; a granted one answers about a term that we enter only when a majority grants.
  if (message.type === 'MsgPreVote') return true;
  if (message.type === 'MsgPreVoteResp' && !message.reject) return true;
  raft.becomeFollower(message.term, fromLeader.includes(message.type) ? message.from : none);
  return true;
}

function refuseEarlierTerm(raft: RaftCore, message: Message): void {
  const { checkQuorum, preVote } = raft.config;
  if ((checkQuorum || preVote) && fromLeader.includes(message.type)) {
    // A peer that entered a later term in isolation asks no votes of who hears a leader. Its term must reach
    // that leader in some way, or the two never speak again.
    raft.send('MsgAppResp', message.from);
  } else if (message.type === 'MsgPreVote') {
    raft.send('MsgPreVoteResp', message.from, { reject: true });
  }
}

/** One unit of time passed. */
export function tick(raft: RaftCore): void {
  raft.electionElapsed += 1;
  if (raft.role !== 'leader') {
    if (raft.electionElapsed < raft.randomizedElectionTicks) return;
    raft.electionElapsed = 0;
    raft.randomizedElectionTicks = raft.config.randomElectionTicks();
    stepLocal(raft, 'MsgHup');
    return;
  }

  raft.heartbeatElapsed += 1;
  tickSnapshots(raft);
  if (raft.electionElapsed >= raft.config.electionTicks) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum) stepLocal(raft, 'MsgCheckQuorum');
  }
  if (raft.heartbeatElapsed >= raft.config.heartbeatTicks) {
    raft.heartbeatElapsed = 0;
    stepLocal(raft, 'MsgBeat');
  }
}

function stepLocal(raft: RaftCore, type: MessageType): void {
  step(raft, makeMessage(type, raft.id, { from: raft.id }));
}

/** A snapshot can be lost like any message, and nothing else would ever end the wait for it. */
function tickSnapshots(raft: RaftCore): void {
  for (const voter of otherVoters(raft)) {
    const progress = progressOf(raft, voter);
    if (progress.state !== 'snapshot') continue;
    progress.snapshotTicks += 1;
    if (progress.snapshotTicks < raft.config.snapshotRetryTicks) continue;
    progress.pendingSnapshot = 0;
    progress.becomeProbe();
  }
}
