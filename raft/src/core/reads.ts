// A leader's linearizable reads (§8, thesis §6.4): confirmed by a majority, or, when that is chosen, by its lease.
import { type Message, none } from './messages.ts';
import type { RaftCore } from './raft.ts';
import { broadcastHeartbeat } from './replication.ts';

/** §8: a leader that has committed nothing in its term may lack commits of its predecessor, so the read waits. */
export function receiveReadIndex(raft: RaftCore, message: Message): void {
  if (!raft.hasCommittedInTerm) {
    raft.pendingReadIndexMessages.push(message);
    return;
  }
  if (isAlone(raft) || holdsLease(raft)) {
    answerRead(raft, message, raft.log.committed);
    return;
  }
  raft.readOnly.add(message, raft.log.committed, raft.ageTicks);
  broadcastHeartbeat(raft);
}

/** Whether this leader is the only voter. One that was removed is not, though it may lead on. */
function isAlone({ configuration, id }: RaftCore): boolean {
  return configuration.incoming.size === 1 && configuration.outgoing.size === 0 && configuration.incoming.has(id);
}

/**
 * Thesis §6.4.1: followers that acknowledged a heartbeat grant no vote for an election timeout from when they got it,
 * so also from when it was sent. That is counted per heartbeat: a check for a quorum at the end of each timeout would
 * allow almost two. Ticks of two peers may differ in phase by one and in speed by a tenth. An election that a leader
 * asked for heeds no lease (etcd#12704), so there is none in the rest of that term.
 */
function holdsLease(raft: RaftCore): boolean {
  if (raft.config.readOnly !== 'lease-based' || raft.hasHandedOver) return false;
  const leaseTicks = Math.floor(raft.config.electionTicks * 0.9) - 1;
  return raft.ageTicks - raft.readOnly.leaseStart < leaseTicks;
}

export function acknowledgeRead(raft: RaftCore, message: Message): void {
  if (message.context === '') return;
  raft.readOnly.acknowledge(message.from, message.context);
  confirmReads(raft);
}

/** Answers what the acknowledgements so far confirm. */
export function confirmReads(raft: RaftCore): void {
  for (const read of raft.readOnly.takeConfirmed(raft.configuration)) answerRead(raft, read.message, read.index);
}

/** Asks for reads that waited for the first commit of this term. */
export function releasePendingReads(raft: RaftCore): void {
  if (raft.pendingReadIndexMessages.length === 0 || !raft.hasCommittedInTerm) return;
  const waiting = raft.pendingReadIndexMessages;
  raft.pendingReadIndexMessages = [];
  for (const message of waiting) receiveReadIndex(raft, message);
}

function answerRead(raft: RaftCore, message: Message, index: number): void {
  const { context, from } = message;
  if (from === raft.id || from === none) raft.readStates.push({ index, context });
  else raft.send('MsgReadIndexResp', from, { index, context });
}
