// Elections (§5.2, §5.4.1), the question before one (thesis §9.6), and those that a leader asks for (thesis §3.10).
import { campaignTransfer, type Message, none } from './messages.ts';
import { allVoters, jointVoteResult } from './quorum.ts';
import type { RaftCore } from './raft.ts';
import { broadcastAppend } from './replication.ts';

/** Begins an election, or the question whether one could be won. */
export function hup(raft: RaftCore, isTransfer = false): void {
  if (raft.role === 'leader' || !raft.isPromotable || hasUnappliedConfChange(raft)) return;
  // A leader that hands over knows that the cluster is well; there is nothing to ask first.
  if (raft.config.preVote && !isTransfer) preCampaign(raft);
  else campaign(raft, isTransfer ? campaignTransfer : '');
}

/**
 * Who has not applied a committed change of membership would count the votes of a configuration that is past
 * (etcd#7625, etcd#12133).
 */
function hasUnappliedConfChange(raft: RaftCore): boolean {
  const { applied, committed } = raft.log;
  const entries = raft.log.entriesFrom(applied + 1, Number.POSITIVE_INFINITY, committed) ?? [];
  return entries.some(({ type }) => type === 'EntryConfChange' || type === 'EntryConfChangeV2');
}

function preCampaign(raft: RaftCore): void {
  raft.becomePreCandidate();
  askForVotes(raft, 'MsgPreVote', { term: raft.term + 1, context: '' });
}

function campaign(raft: RaftCore, context: string): void {
  raft.becomeCandidate();
  askForVotes(raft, 'MsgVote', { term: raft.term, context });
}

interface Question {
  readonly term: number;
  readonly context: string;
}

function askForVotes(raft: RaftCore, type: 'MsgPreVote' | 'MsgVote', { term, context }: Question): void {
  const answer = type === 'MsgVote' ? 'MsgVoteResp' : 'MsgPreVoteResp';
  const { priority } = raft.config;
  const wish = priority === undefined ? {} : { priority };
  for (const voter of allVoters(raft.configuration)) {
    // The own vote counts when it is on disk, as everybody's does.
    if (voter === raft.id) raft.send(answer, voter, { term });
    else {
      raft.send(type, voter, { term, index: raft.log.lastIndex, logTerm: raft.log.lastTerm, context, ...wish });
    }
  }
}

/**
 * §5.2 and §5.4.1: one vote a term, first come first served, and only for a log at least as up to date as ours.
 * A learner answers too: it may have become a voter and not know it yet (etcd#10998).
 */
export function answerVote(raft: RaftCore, message: Message): void {
  const answer = message.type === 'MsgVote' ? 'MsgVoteResp' : 'MsgPreVoteResp';
  const isRepeat = raft.vote === message.from;
  const isFree = raft.vote === none && raft.lead === none;
  const isQuestion = message.type === 'MsgPreVote' && message.term > raft.term;
  const isUpToDate = raft.log.isUpToDate(message.index, message.logTerm) && isWantedEnough(raft, message);
  if (!(isRepeat || isFree || isQuestion) || !isUpToDate) {
    raft.send(answer, message.from, {
      term: raft.term,
      reject: true,
      ...(raft.isPromotable ? {} : whatIsCommitted(raft)),
    });
    return;
  }

  // The answer carries the term that was asked about: to a pre-vote that is one we are not in.
  raft.send(answer, message.from, { term: message.term });
  if (message.type === 'MsgVote') {
    raft.electionElapsed = 0;
    raft.vote = message.from;
  }
}

/**
 * Who knows that it is no voter any more cannot lead, and its log may have more than that of a voter who has lost, with
 * its commit index, the end of the joint configuration. It tells what is committed, or nobody would be electable.
 */
function whatIsCommitted({ log }: RaftCore): { commit: number; logTerm: number } {
  return { commit: log.committed, logTerm: log.term(log.committed) ?? 0 };
}

/** What was committed is so for ever, and a log that has the entry has all before it (§5.3). */
export function learnCommit({ log, role }: RaftCore, { commit, logTerm }: Message): void {
  if (role !== 'leader' && commit > log.committed && log.matches(commit, logTerm)) log.commitTo(commit);
}

/** Whether the candidate's priority is at least ours, or something weighs more than priorities. */
function isWantedEnough(raft: RaftCore, { priority = 0, index, context }: Message): boolean {
  return priority >= (raft.config.priority ?? 0) || index > raft.log.lastIndex || context === campaignTransfer;
}

/** Counts an answer to the question that this candidate asks at present. */
export function countVote(raft: RaftCore, message: Message): void {
  if (!raft.votes.has(message.from)) raft.votes.set(message.from, !message.reject);
  const result = jointVoteResult(raft.configuration, raft.votes);
  // The answer to a pre-vote names a later term than ours: it stays ours.
  if (result === 'lost') raft.becomeFollower(raft.term, none);
  if (result !== 'won') return;
  if (raft.role === 'pre-candidate') {
    campaign(raft, '');
    return;
  }
  // The others' votes may be enough, and still this peer must not lead before its own is on its disk: after a restart
  // it would not know the term, could win it a second time, and put other entries in the places of its first ones.
  if (raft.votes.get(raft.id) !== true) return;
  raft.becomeLeader();
  broadcastAppend(raft);
}
