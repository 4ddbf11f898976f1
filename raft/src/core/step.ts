// The entrance of every message and of time. The term is handled here once, for all types (§5.1).
import { answerVote, hup, learnCommit } from './election.ts';
import { stepCandidate, stepFollower } from './follower.ts';
import { stepLeader } from './leader.ts';
import { campaignTransfer, type Message, type MessageType, makeMessage, none, payloadBytes } from './messages.ts';
import type { RaftCore, StepRefusal } from './raft.ts';
import { appliedSnapshot, appliedTo } from './reconfiguration.ts';
import { others } from './replication.ts';

const fromLeader: readonly MessageType[] = ['MsgApp', 'MsgHeartbeat', 'MsgSnap'];

export function step(raft: RaftCore, message: Message): StepRefusal | undefined {
  if (message.term > raft.term && !acceptLaterTerm(raft, message)) return undefined;
  if (message.term !== 0 && message.term < raft.term) {
    receiveEarlierTerm(raft, message);
    return undefined;
  }
  switch (message.type) {
    case 'MsgHup':
      hup(raft);
      return undefined;
    case 'MsgVote':
    case 'MsgPreVote':
      answerVote(raft, message);
      return undefined;
    case 'MsgStorageAppendResp':
      if (message.index !== 0) raft.log.stableTo(message.index, message.logTerm);
      if (message.snapshot !== undefined) appliedSnapshot(raft, message.snapshot);
      return undefined;
    case 'MsgStorageApplyResp':
      receiveApplied(raft, message);
      return undefined;
    default:
      if (message.type === 'MsgVoteResp' || message.type === 'MsgPreVoteResp') learnCommit(raft, message);
      if (raft.role === 'leader') return stepLeader(raft, message);
      return raft.role === 'follower' ? stepFollower(raft, message) : stepCandidate(raft, message);
  }
}

function receiveApplied(raft: RaftCore, { entries }: Message): void {
  const last = entries.at(-1);
  if (last === undefined) return;
  appliedTo(raft, last.index, entries);
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - payloadBytes(entries));
}

/** §5.1: a later term ends whatever we were doing in ours. Returns whether the message is to be handled further. */
function acceptLaterTerm(raft: RaftCore, message: Message): boolean {
  const isVote = message.type === 'MsgVote' || message.type === 'MsgPreVote';
  // Thesis §4.2.3: who has heard its leader of late grants no vote and does not even learn the term.
  if (isVote && message.context !== campaignTransfer && isInLease(raft)) return false;
  // A question changes no term; a granted one answers about a term that we enter only when a majority grants.
  if (message.type === 'MsgPreVote') return true;
  if (message.type === 'MsgPreVoteResp' && !message.reject) return true;
  raft.becomeFollower(message.term, fromLeader.includes(message.type) ? message.from : none);
  return true;
}

function isInLease({ config, lead, ageTicks, term, electionElapsed }: RaftCore): boolean {
  // A peer that has just started does not know whether it promised a leader to wait.
  const mayHavePromised = config.readOnly === 'lease-based' && term > 0 && ageTicks < config.electionTicks;
  return config.checkQuorum && (lead !== none || mayHavePromised) && electionElapsed < config.electionTicks;
}

function receiveEarlierTerm(raft: RaftCore, message: Message): void {
  const { checkQuorum, preVote } = raft.config;
  if ((checkQuorum || preVote) && (message.type === 'MsgHeartbeat' || message.type === 'MsgApp')) {
    // A peer that entered a later term in isolation asks no votes of who hears a leader. Its term must reach
    // that leader in some way, or the two never speak again.
    raft.send('MsgAppResp', message.from);
  } else if (message.type === 'MsgPreVote') {
    // A candidate whose term is behind must hear of ours, or peers with and without pre-vote could wait for ever.
    raft.send('MsgPreVoteResp', message.from, { term: raft.term, reject: true });
  } else if (message.type === 'MsgStorageAppendResp' && message.snapshot !== undefined) {
    // That entries were written in an earlier term says nothing: they may have been replaced since, and others be
    // under way to their places. A snapshot is committed, and stays what it is.
    appliedSnapshot(raft, message.snapshot);
  }
}

/** One unit of time passed. */
export function tick(raft: RaftCore): void {
  raft.ticks += 1;
  raft.electionElapsed += 1;
  if (raft.role !== 'leader') {
    if (raft.electionElapsed < raft.randomizedElectionTicks || !raft.isPromotable) return;
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
    // Who was asked to take over and did not in all this time will not.
    raft.leadTransferee = none;
  }
  if (raft.role === 'leader' && raft.heartbeatElapsed >= raft.config.heartbeatTicks) {
    raft.heartbeatElapsed = 0;
    stepLocal(raft, 'MsgBeat');
  }
}

function stepLocal(raft: RaftCore, type: MessageType): void {
  step(raft, makeMessage(type, raft.id, { from: raft.id }));
}

/** A snapshot can be lost like any message, and nothing else would ever end the wait for it. */
function tickSnapshots(raft: RaftCore): void {
  for (const [, progress] of others(raft)) {
    if (progress.state !== 'snapshot') continue;
    progress.snapshotTicks += 1;
    if (progress.snapshotTicks < raft.config.snapshotRetryTicks) continue;
    progress.pendingSnapshot = 0;
    progress.becomeProbe();
  }
}
