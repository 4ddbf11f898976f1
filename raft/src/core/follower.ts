// What a follower and a candidate do with each message.
import { assert } from '../assert.ts';
import { countVote, hup } from './election.ts';
import { type Message, none } from './messages.ts';
import type { RaftCore, StepRefusal } from './raft.ts';
import { restoreConfiguration } from './reconfiguration.ts';

export function stepFollower(raft: RaftCore, message: Message): StepRefusal | undefined {
  switch (message.type) {
    case 'MsgProp':
      return forward(raft, message);
    case 'MsgReadIndex':
      forward(raft, message);
      return undefined;
    case 'MsgReadIndexResp':
      raft.readStates.push({ index: message.index, context: message.context });
      return undefined;
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      hearLeader(raft, message);
      return undefined;
    case 'MsgTransferLeader':
      if (raft.lead !== none) raft.send(message.type, raft.lead, { from: message.from });
      return undefined;
    case 'MsgForgetLeader':
      // Whoever forgets its leader may vote, and leases build on its not doing so.
      if (raft.config.readOnly !== 'lease-based') raft.lead = none;
      return undefined;
    case 'MsgTimeoutNow':
      hup(raft, true);
      return undefined;
    default:
      // Answers to what this peer asked in a role that it has left.
      return undefined;
  }
}

function forward(raft: RaftCore, { type, from, entries, context }: Message): StepRefusal | undefined {
  // Forwarded once and never by a second follower: two that take each other for leader must not play ball.
  if (raft.lead === none || (from !== raft.id && from !== none)) return 'proposal-dropped';
  if (type === 'MsgProp' && raft.config.disableProposalForwarding === true) return 'proposal-dropped';
  raft.send(type, raft.lead, { entries, context });
  return undefined;
}

export function stepCandidate(raft: RaftCore, message: Message): StepRefusal | undefined {
  switch (message.type) {
    case 'MsgProp':
      return 'proposal-dropped';
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      // §5.2: somebody else won this term.
      raft.becomeFollower(message.term, message.from);
      hearLeader(raft, message);
      return undefined;
    case 'MsgVoteResp':
      if (raft.role === 'candidate') countVote(raft, message);
      return undefined;
    case 'MsgPreVoteResp':
      // A grant names the term that was asked about; one from an earlier question must not answer this one.
      if (raft.role !== 'pre-candidate' || (!message.reject && message.term !== raft.term + 1)) return undefined;
      countVote(raft, message);
      return undefined;
    default:
      return undefined;
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
  if (index > raft.log.committed) {
    // It may be from before this peer was added, or from while it was away: the log after it tells of that.
    // And the log may have all of it already, and more (figure 13, step 6).
    if (raft.log.matches(index, term)) raft.log.commitTo(index);
    else {
      raft.log.restore(snapshot);
      restoreConfiguration(raft, snapshot);
    }
  }
  raft.send('MsgAppResp', message.from, { index: raft.log.committed });
}
