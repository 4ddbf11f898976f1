// What a follower and a candidate do with each message.
import { assert } from '../assert.ts';
import { countVote } from './election.ts';
import { type Message, none } from './messages.ts';
import type { RaftCore } from './raft.ts';

export function stepFollower(raft: RaftCore, message: Message): void {
  switch (message.type) {
    case 'MsgProp':
    case 'MsgReadIndex':
      // Forwarded once and never by a second follower: two that take each other for leader must not play ball.
      if (raft.lead === none || (message.from !== raft.id && message.from !== none)) return;
      raft.send(message.type, raft.lead, { entries: message.entries, context: message.context });
      return;
    case 'MsgReadIndexResp':
      raft.readStates.push({ index: message.index, context: message.context });
      return;
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      hearLeader(raft, message);
      return;
    default:
      // Answers to what this peer asked in a role that it has left.
      return;
  }
}

export function stepCandidate(raft: RaftCore, message: Message): void {
  switch (message.type) {
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      // §5.2: somebody else won this term.
      raft.becomeFollower(message.term, message.from);
      hearLeader(raft, message);
      return;
    case 'MsgVoteResp':
      if (raft.role === 'candidate') countVote(raft, message);
      return;
    case 'MsgPreVoteResp':
      // A grant names the term that was asked about; one from an earlier question must not answer this one.
      if (raft.role !== 'pre-candidate' || (!message.reject && message.term !== raft.term + 1)) return;
      countVote(raft, message);
      return;
    default:
      return;
  }
}

function hearLeader(raft: RaftCore, message: Message): void {
  assert(raft.lead === none || raft.lead === message.from, `two leaders in term ${raft.term}`);
  raft.electionElapsed = 0;
  raft.lead = message.from;
  if (message.type === 'MsgApp') handleAppend(raft, message);
  else if (message.type === 'MsgHeartbeat') handleHeartbeat(raft, message);
  else handleSnapshot(raft, message);
}

function handleAppend(raft: RaftCore, message: Message): void {
  if (message.index < raft.log.committed) {
    raft.send('MsgAppResp', message.from, { index: raft.log.committed });
    return;
  }
  const last = raft.log.maybeAppend(message.index, message.logTerm, message.commit, message.entries);
  if (last !== undefined) {
    raft.send('MsgAppResp', message.from, { index: last });
    return;
  }
  const from = Math.min(message.index, raft.log.lastIndex);
  const hint = raft.log.findConflictByTerm(from, message.logTerm);
  raft.send('MsgAppResp', message.from, {
    index: message.index,
    reject: true,
    rejectHint: hint.index,
    logTerm: hint.term,
  });
}

function handleHeartbeat(raft: RaftCore, message: Message): void {
  raft.log.commitTo(message.commit);
  raft.send('MsgHeartbeatResp', message.from, { context: message.context });
}

function handleSnapshot(raft: RaftCore, message: Message): void {
  const { snapshot } = message;
  assert(snapshot !== undefined, 'MsgSnap has a snapshot');
  const { index, term } = snapshot.metadata;
  if (index <= raft.log.committed) {
    raft.send('MsgAppResp', message.from, { index: raft.log.committed });
    return;
  }
  if (raft.log.matches(index, term)) {
    // The log has all of it already and may have more (figure 13, step 6).
    raft.log.commitTo(index);
    raft.send('MsgAppResp', message.from, { index });
    return;
  }
  raft.log.restore(snapshot);
  raft.send('MsgAppResp', message.from, { index });
}
