// Bugs that other Rafts had, to be put into this one: the simulator is as strong as the share of them that it finds.
// Numbers and names are those of the bugs, letters are ways to have them.
import type { Edit } from './mutation-loader.ts';

export interface Mutant {
  readonly name: string;
  /** Empty when what it would break is not driven by the simulator yet. */
  readonly edits: readonly Edit[];
}

function edit(file: string, find: string, replace: string): Edit {
  return { file, find, replace };
}

const inReplication = (find: string, replace: string) => edit('core/replication.js', find, replace);
const inLog = (find: string, replace: string) => edit('core/log.js', find, replace);
const inStorage = (find: string, replace: string) => edit('storage/durable-log.js', find, replace);
const inRecovery = (find: string, replace: string) => edit('storage/recovery.js', find, replace);

export const mutants: readonly Mutant[] = [
  {
    name: '1 entries of earlier terms are committed by counting (figure 8)',
    edits: [inReplication('|| raft.log.term(index) !== raft.term', '')],
  },
  {
    name: '2 a change of members takes effect without a joint configuration',
    edits: [
      edit('driver/members.js', "transition: 'joint-implicit'", "transition: 'auto'"),
      edit('core/reconfiguration.js', 'else if (joint === undefined)', 'else'),
      edit('core/reconfiguration.js', 'else switchTo(raft, enterJoint(', 'if (false) switchTo(raft, enterJoint('),
    ],
  },
  {
    name: '3 who has not applied a committed change of members campaigns',
    edits: [edit('core/election.js', '|| hasUnappliedConfChange(raft)', '')],
  },
  {
    name: '4 a leader answers reads before it has committed in its term',
    edits: [edit('core/reads.js', 'if (!raft.hasCommittedInTerm) {', 'if (false) {')],
  },
  {
    name: '5 an acknowledgement of an earlier heartbeat confirms a later read',
    edits: [edit('core/read-only.js', 'Math.max(round, this.#acknowledged.get(from) ?? 0)', 'this.#round')],
  },
  { name: '6 a lease outlives a transfer of leadership', edits: [] },
  { name: '7 a lease is counted by a clock that stands still', edits: [] },
  {
    name: '8a the vote is not written with the term',
    edits: [edit('storage/record.js', 'writer.number(hardState.vote)', 'writer.number(0)')],
  },
  {
    name: '8b a vote alone does not wait for the disk',
    edits: [edit('core/raw-node.js', '|| raft.vote !== vote', '')],
  },
  {
    name: '9 the vote is forgotten when a peer steps down within a term',
    edits: [
      edit(
        'core/raft.js',
        'if (term !== this.term) { this.term = term; this.vote = none; }',
        'this.term = term; this.vote = none;',
      ),
    ],
  },
  {
    name: '10 a vote of an earlier term is counted',
    edits: [
      edit(
        'core/step.js',
        'if (message.term !== 0 && message.term < raft.term) {',
        "if (message.term !== 0 && message.term < raft.term && message.type !== 'MsgVoteResp') {",
      ),
    ],
  },
  {
    name: '11 a peer in a later term is never heard, and deadlocks the pre-vote',
    edits: [
      edit(
        'core/step.js',
        "if ((checkQuorum || preVote) && (message.type === 'MsgHeartbeat'",
        "if (false && (message.type === 'MsgHeartbeat'",
      ),
      edit('core/step.js', "else if (message.type === 'MsgPreVote') {", 'else if (false) {'),
    ],
  },
  {
    name: '12 who was removed disrupts the others (no pre-vote, no check for a quorum)',
    edits: [],
  },
  {
    name: '13 a learner that became a voter does not vote before it knows',
    edits: [
      edit(
        'core/election.js',
        'if (!(isRepeat || isFree || isQuestion) || !isUpToDate)',
        'if (!raft.isPromotable || !(isRepeat || isFree || isQuestion) || !isUpToDate)',
      ),
    ],
  },
  {
    name: '14 a joint configuration is not left after a change of leader',
    edits: [
      edit(
        'core/reconfiguration.js',
        'raft.configuration.autoLeave && applied >= raft.pendingConfIndex',
        'raft.configuration.autoLeave && applied === raft.pendingConfIndex',
      ),
    ],
  },
  {
    name: '15 an installed snapshot leaves the members as they were',
    edits: [edit('core/follower.js', 'restoreConfiguration(raft, snapshot);', '')],
  },
  {
    name: '16 an installed snapshot leaves the log that conflicts with it on disk',
    edits: [edit('driver/raft.js', '{ ...ready, reset: snapshot.metadata }', '{ ...ready }')],
  },
  {
    name: '17 an append cuts off what follows, conflict or not',
    edits: [
      inLog('entries.findIndex((entry) => !this.matches(entry.index, entry.term))', '(entries.length > 0 ? 0 : -1)'),
      inLog('assert(first > this.committed,', 'assert(true,'),
    ],
  },
  {
    name: '18 the write of an entry that was replaced counts for the one in its place',
    edits: [
      inLog('|| !this.matches(index, term)', ''),
      edit('core/ready.js', '...(log.hasUnstable ? {', '...(log.hasUnstable ? { term: 0,'),
    ],
  },
  {
    name: '19 an own snapshot that is older takes the place of an installed one',
    edits: [
      edit(
        'driver/raft.js',
        '// An own snapshot under way is older; it must not come to lie over this one. await this.#snapshots.settled();',
        '',
      ),
      inStorage('if (index <= this.#snapshotIndex) return;', ''),
      inStorage('this.#snapshotting.then(() => this.#saveSnapshot(snapshot))', 'this.#saveSnapshot(snapshot)'),
      edit('storage/snapshot-file.js', 'name < nameOf(index)', 'name !== nameOf(index)'),
      edit('driver/snapshots.js', 'this.index = Math.max(this.index, index);', 'this.index = index;'),
    ],
  },
  {
    name: '20 a snapshot does not hold the members as of its entry',
    edits: [edit('driver/raft.js', 'term: this.#appliedTerm, confState }', 'term: this.#appliedTerm }')],
  },
  {
    name: '21a a sync that failed is tried again',
    edits: [
      inStorage(
        'await file.write(frame, this.#end); await file.sync();',
        'await file.write(frame, this.#end); try { await file.sync(); } catch { await file.sync(); }',
      ),
    ],
  },
  {
    name: '21b the next process trusts what a failed sync left in the cache',
    edits: [inRecovery('await file.write(content.subarray(lastFrameAt, end), lastFrameAt);', '')],
  },
  {
    name: '22a a write is not synced',
    edits: [inStorage('await file.write(frame, this.#end); await file.sync();', 'await file.write(frame, this.#end);')],
  },
  {
    name: '22b a torn record is not cut off',
    edits: [inRecovery('if (end < content.length) await file.truncate(end);', '')],
  },
  {
    name: '22c the name of a new segment is not synced',
    edits: [
      inStorage(
        'await disk.rename(path + temporarySuffix, path); await disk.syncDirectory(directory);',
        'await disk.rename(path + temporarySuffix, path);',
      ),
    ],
  },
  {
    name: '22d what is written is acknowledged while it is being written',
    edits: [
      inStorage(
        'await this.#write(mergeSaves(saves)); for',
        'const written = this.#write(mergeSaves(saves)); for (const save of saves) save.resolve(); await written; for',
      ),
    ],
  },
  {
    name: '23 damage in the middle of the log is taken for a torn end',
    edits: [
      inRecovery(
        "throw new LogDamagedError(path, at, 'a record before the last one does not read back as it was written');",
        '',
      ),
      inRecovery('if (hardState.commit > last) {', 'if (false) {'),
    ],
  },
  {
    name: '24 a leader counts its own entries before they are on its disk',
    edits: [
      edit(
        'core/raft.js',
        "this.send('MsgAppResp', this.id, { index: this.log.lastIndex });",
        "this.progress.get(this.id).maybeUpdate(this.log.lastIndex); this.send('MsgAppResp', this.id, { index: this.log.lastIndex });",
      ),
    ],
  },
];
