// Elections (§5.2, §5.4.1) and the question before one (thesis §9.6).
import { type Message, none } from './messages.ts';
import { type VoteResult, voteResult } from './quorum.ts';
import type { RaftCore } from './raft.ts';
import { broadcastAppend } from './replication.ts';

/** Begins an election, or the question whether one could be won. */
export function hup(raft: RaftCore): void {
  if (raft.role === 'leader') return;
  // A snapshot that is not on disk yet is a log that is not: who has none must not ask to lead.
  if (raft.log.pendingSnapshot !== undefined) return;
  if (raft.config.preVote) preCampaign(raft);
  else campaign(raft);
}

function preCampaign(raft: RaftCore): void {
  raft.becomePreCandidate();
  askForVotes(raft, 'MsgPreVote', raft.term + 1);
}

function campaign(raft: RaftCore): void {
  raft.becomeCandidate();
  askForVotes(raft, 'MsgVote', raft.term);
}

function askForVotes(raft: RaftCore, type: 'MsgPreVote' | 'MsgVote', term: number): void {
  const answer = type === 'MsgVote' ? 'MsgVoteResp' : 'MsgPreVoteResp';
  for (const voter of raft.voters) {
    // The own vote counts when it is on disk, as everybody's does.
    if (voter === raft.id) raft.send(answer, voter, { term });
    else raft.send(type, voter, { term, index: raft.log.lastIndex, logTerm: raft.log.lastTerm });
  }
}

/** §5.2 and §5.4.1: one vote a term, first come first served, and only for a log at least as up to date as ours. */
export function answerVote(raft: RaftCore, message: Message): void {
  const answer = message.type === 'MsgVote' ? 'MsgVoteResp' : 'MsgPreVoteResp';
  const isRepeat = raft.vote === message.from;
  const isFree = raft.vote === none && raft.lead === none;
  const isQuestion = message.type === 'MsgPreVote' && message.term > raft.term;
  if (!(isRepeat || isFree || isQuestion) || !raft.log.isUpToDate(message.index, message.logTerm)) {
    raft.send(answer, message.from, { term: raft.term, reject: true });
    return;
  }

  // The answer carries the term that was asked about: to a pre-vote that is one we are not in.
  raft.send(answer, message.from, { term: message.term });
  if (message.type === 'MsgVote') {
    raft.electionElapsed = 0;
    raft.vote = message.from;
  }
}

/** Counts an answer to the question that this candidate asks at present. */
export function countVote(raft: RaftCore, message: Message): void {
  if (!raft.voters.includes(message.from)) return;
  if (!raft.votes.has(message.from)) raft.votes.set(message.from, !message.reject);
  const result: VoteResult = voteResult(raft.voters, raft.votes);
  if (result === 'lost') raft.becomeFollower(raft.term, none);
  if (result !== 'won') return;
  if (raft.role === 'pre-candidate') {
    campaign(raft);
    return;
  }
  raft.becomeLeader();
  broadcastAppend(raft);
}
