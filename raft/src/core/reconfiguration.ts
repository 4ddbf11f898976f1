// From one membership to the next (§6): it takes effect when the entry with the change is applied.
import { assert } from '../assert.ts';
import { type ConfChangeV2, entersJoint, leaveJointEntry, leavesJoint } from './conf-change.ts';
import { changeSimply, enterJoint, leaveJoint, type Membership, restoreMembership } from './membership.ts';
import { type ConfState, type Entry, none, type Snapshot } from './messages.ts';
import { propose } from './proposing.ts';
import type { RaftCore } from './raft.ts';
import { confirmReads, releasePendingReads } from './reads.ts';
import { broadcastAppend, maybeCommit, others, sendAppend } from './replication.ts';

/** Throws MembershipError when the change fits the membership not at all; then nothing has changed. */
export function applyConfChange(raft: RaftCore, change: ConfChangeV2): ConfState {
  const from: Membership = { configuration: raft.configuration, progress: raft.progress };
  const joint = entersJoint(change);
  const fresh = raft.newProgress();
  if (leavesJoint(change)) switchTo(raft, leaveJoint(from, fresh));
  else if (joint === undefined) switchTo(raft, changeSimply(from, change.changes, fresh));
  else switchTo(raft, enterJoint(from, change.changes, { ...fresh, ...joint }));
  return raft.confState;
}

/** Takes over the membership of a snapshot that has just replaced the log. */
export function restoreConfiguration(raft: RaftCore, { metadata }: Snapshot): void {
  if (metadata.confState === undefined) return;
  raft.restoredIndex = metadata.index;
  raft.votes.clear();
  switchTo(raft, restoreMembership(metadata.confState, raft.newProgress()));
}

function switchTo(raft: RaftCore, { configuration, progress }: Membership): void {
  raft.configuration = configuration;
  raft.progress = new Map(progress);
  if (raft.role !== 'leader') return;

  const own = raft.progress.get(raft.id);
  if (own === undefined || own.isLearner) {
    if (raft.config.stepDownOnRemoval === true) raft.becomeFollower(raft.term, none);
    return;
  }
  // A smaller quorum may already have what a larger one lacked. If not, the newcomers need not wait for a heartbeat.
  if (maybeCommit(raft)) {
    releasePendingReads(raft);
    broadcastAppend(raft);
  } else {
    for (const [id] of others(raft)) sendAppend(raft, id, false);
  }
  confirmReads(raft);
  if (!raft.isVoter(raft.leadTransferee)) raft.leadTransferee = none;
}

/** The state machine has everything up to `index`; `entries` were handed out for that. */
export function appliedTo(raft: RaftCore, index: number, entries: readonly Entry[]): void {
  const applied = Math.max(index, raft.log.applied);
  raft.log.appliedTo(applied, entries);
  const mayLeave = raft.configuration.autoLeave && applied >= raft.pendingConfIndex && raft.role === 'leader';
  // Refused while leadership is handed over; then whoever leads next does it, or we do at the next applied entry.
  if (mayLeave) propose(raft, [leaveJointEntry]);
}

/** The snapshot from the leader is durable, and the state machine has it. */
export function appliedSnapshot(raft: RaftCore, snapshot: Snapshot): void {
  assert(snapshot.metadata.index <= raft.log.committed, 'a snapshot is committed');
  // Who has snapshots elsewhere need not have this one in memory for ever.
  const isKept = raft.config.snapshotSource === undefined;
  raft.log.restored(isKept ? snapshot : { metadata: snapshot.metadata, data: new Uint8Array(0) });
  appliedTo(raft, snapshot.metadata.index, []);
}
