// What a leader does with proposals. At most one change of membership is in the log and not applied (thesis §4.1):
// what comes too early becomes an empty entry, so that its proposer sees it pass.
import { assert } from '../assert.ts';
import { asV2, decodeConfChange } from './conf-change.ts';
import { isJoint } from './membership.ts';
import { type Entry, none } from './messages.ts';
import type { RaftCore, StepRefusal } from './raft.ts';
import { broadcastAppend } from './replication.ts';

type Content = Pick<Entry, 'type' | 'data'>;

export function propose(raft: RaftCore, proposed: readonly Content[]): StepRefusal | undefined {
  assert(proposed.length > 0, 'a proposal has entries');
  // Who was removed while it leads accepts nothing new; nor does who is handing over, or it would never be done.
  if (!raft.progress.has(raft.id) || raft.leadTransferee !== none || isLeaving(raft)) return 'proposal-dropped';
  const pendingBefore = raft.pendingConfIndex;
  const entries = proposed.map((entry, at) => checked(raft, entry, raft.log.lastIndex + at + 1));
  if (!raft.appendEntries(entries)) {
    raft.pendingConfIndex = pendingBefore;
    return 'proposal-dropped';
  }
  broadcastAppend(raft);
  return undefined;
}

/**
 * Whether this leader is not among the next voters, and the log may hold already what leaves the joint configuration.
 * Whoever applies that and does not vote any more can never be elected; if others had more of the log than the next
 * voters, these would get no votes from them, and nobody could ever lead. So nothing comes after it.
 */
export function isLeaving({ configuration, id, pendingConfIndex, log }: RaftCore): boolean {
  return isJoint(configuration) && !configuration.incoming.has(id) && pendingConfIndex > log.applied;
}

function checked(raft: RaftCore, entry: Content, index: number): Content {
  const change = decodeConfChange(entry);
  if (change === undefined) return entry;
  const leaves = asV2(change).changes.length === 0;
  const isPending = raft.pendingConfIndex > raft.log.applied;
  const isOutOfOrder = isPending || isJoint(raft.configuration) !== leaves;
  if (isOutOfOrder && raft.config.disableConfChangeValidation !== true) return { data: new Uint8Array(0) };
  raft.pendingConfIndex = index;
  return entry;
}
