// Handing leadership over (thesis §3.10): the leader stops taking proposals, brings the other's log up to its own, and
// tells it to campaign at once. After an election timeout it gives up and goes on leading.
import { type Message, none } from './messages.ts';
import type { Progress } from './progress.ts';
import type { RaftCore } from './raft.ts';
import { sendAppend } from './replication.ts';

/** `message.from` is to lead. */
export function receiveTransfer(raft: RaftCore, { from: transferee }: Message, progress: Progress): void {
  if (progress.isLearner || raft.leadTransferee === transferee) return;
  raft.leadTransferee = none;
  if (transferee === raft.id) return;
  raft.electionElapsed = 0;
  raft.leadTransferee = transferee;
  if (progress.match === raft.log.lastIndex) sendTimeoutNow(raft, transferee);
  else sendAppend(raft, transferee);
}

/** To be called when the transferee has acknowledged entries. */
export function continueTransfer(raft: RaftCore, from: number, progress: Progress): void {
  if (from === raft.leadTransferee && progress.match === raft.log.lastIndex) sendTimeoutNow(raft, from);
}

function sendTimeoutNow(raft: RaftCore, to: number): void {
  raft.hasHandedOver = true;
  raft.send('MsgTimeoutNow', to);
}
