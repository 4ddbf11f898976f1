// Bugs that other Rafts had, to be put into this one: the simulator is as strong as the share of them that it finds.
// Each has a number, and a letter where there are several ways to have it.
import type { Edit } from './mutation-loader.ts';

export interface Mutant {
  readonly bug: string;
  readonly name: string;
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
    bug: '1',
    name: 'entries of earlier terms are committed by counting (figure 8)',
    edits: [inReplication('|| raft.log.term(index) !== raft.term', '')],
  },
  {
    bug: '2a',
    name: 'a change of members takes effect without a joint configuration',
    edits: [
      edit('driver/members.js', "transition: 'joint-implicit'", "transition: 'auto'"),
      edit('core/reconfiguration.js', 'else if (joint === undefined)', 'else'),
      edit('core/reconfiguration.js', 'else switchTo(raft, enterJoint(', 'if (false) switchTo(raft, enterJoint('),
      edit('core/membership.js', 'if (added + removed > 1)', 'if (false)'),
    ],
  },
  {
    bug: '2b',
    name: 'a new leader changes the members while an earlier change may not be applied',
    edits: [edit('core/raft.js', 'this.pendingConfIndex = this.log.lastIndex;', '')],
  },
  {
    bug: '3',
    name: 'who has not applied a committed change of members campaigns',
    edits: [edit('core/election.js', '|| hasUnappliedConfChange(raft)', '')],
  },
  {
    bug: '4',
    name: 'a leader answers reads before it has committed in its term',
    edits: [edit('core/reads.js', 'if (!raft.hasCommittedInTerm) {', 'if (false) {')],
  },
  {
    bug: '5',
    name: 'an acknowledgement of an earlier heartbeat confirms a later read',
    edits: [edit('core/read-only.js', 'Math.max(round, this.#acknowledged.get(from) ?? 0)', 'this.#round')],
  },
  {
    bug: '6',
    name: 'a lease outlives a transfer of leadership',
    edits: [edit('core/reads.js', '|| raft.hasHandedOver', '')],
  },
  {
    bug: '7a',
    name: 'a lease is measured by ticks, which stand still with the process',
    edits: [edit('driver/ticker.js', 'core.measureTime(', 'void (')],
  },
  {
    bug: '7b',
    name: 'a lease lasts until the next check for a quorum',
    edits: [edit('core/reads.js', 'return raft.ageTicks - raft.readOnly.leaseStart < leaseTicks;', 'return true;')],
  },
  {
    bug: '8a',
    name: 'the vote is not written with the term',
    edits: [edit('storage/record.js', 'writer.number(hardState.vote)', 'writer.number(0)')],
  },
  {
    bug: '8b',
    name: 'a vote alone does not wait for the disk',
    edits: [edit('core/raw-node.js', '|| raft.vote !== vote', '')],
  },
  {
    bug: '8c',
    name: 'a candidate leads by the votes of others before its own is on its disk',
    edits: [edit('core/election.js', 'if (raft.votes.get(raft.id) !== true)', 'if (false)')],
  },
  {
    bug: '9',
    name: 'the vote is forgotten when a peer steps down within a term',
    edits: [
      edit(
        'core/raft.js',
        'if (term !== this.term) { this.term = term; this.vote = none; }',
        'this.term = term; this.vote = none;',
      ),
    ],
  },
  {
    bug: '10',
    name: 'a vote of an earlier term is counted',
    edits: [
      edit(
        'core/step.js',
        'if (message.term !== 0 && message.term < raft.term) {',
        "if (message.term !== 0 && message.term < raft.term && message.type !== 'MsgVoteResp') {",
      ),
    ],
  },
  {
    bug: '11',
    name: 'a peer in a later term is never heard, and deadlocks the pre-vote',
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
    bug: '12',
    name: 'who was removed disrupts the others',
    edits: [
      edit('driver/config.js', 'preVote: true,', 'preVote: false,'),
      edit('core/step.js', 'if (isVote && message.context !== campaignTransfer && isInLease(raft))', 'if (false)'),
    ],
  },
  {
    bug: '13',
    name: 'a learner that became a voter does not vote before it knows',
    edits: [
      edit(
        'core/election.js',
        'if (!(isRepeat || isFree || isQuestion) || !isUpToDate)',
        'if (!raft.isPromotable || !(isRepeat || isFree || isQuestion) || !isUpToDate)',
      ),
    ],
  },
  {
    bug: '14',
    name: 'a joint configuration is not left after a change of leader',
    edits: [
      edit(
        'core/reconfiguration.js',
        'raft.configuration.autoLeave && applied >= raft.pendingConfIndex',
        'raft.configuration.autoLeave && applied === raft.pendingConfIndex',
      ),
    ],
  },
  {
    bug: '15',
    name: 'an installed snapshot leaves the members as they were',
    edits: [edit('core/follower.js', 'restoreConfiguration(raft, snapshot);', '')],
  },
  {
    bug: '16',
    name: 'an installed snapshot leaves the log that conflicts with it on disk',
    edits: [edit('driver/snapshots.js', '{ ...ready, reset: metadata }', '{ ...ready }')],
  },
  {
    bug: '17',
    name: 'an append cuts off what follows, conflict or not',
    edits: [
      inLog('entries.findIndex((entry) => !this.matches(entry.index, entry.term))', '(entries.length > 0 ? 0 : -1)'),
      inLog('assert(first > this.committed,', 'assert(true,'),
    ],
  },
  {
    bug: '18',
    name: 'the write of an entry that was replaced counts for the one in its place',
    edits: [
      inLog('|| !this.matches(index, term)', ''),
      edit('core/ready.js', '...(log.hasUnstable ? {', '...(log.hasUnstable ? { term: 0,'),
    ],
  },
  {
    bug: '19',
    name: 'an own snapshot that is older takes the place of an installed one',
    edits: [
      edit(
        'driver/snapshots.js',
        '// An own snapshot under way is older; it must not come to lie over this one. await this.settled();',
        '',
      ),
      inStorage('if (index <= this.#snapshotIndex) return;', ''),
      inStorage('this.#snapshotting.then(act)', 'act()'),
      edit('storage/snapshot-file.js', 'name < nameOf(index)', 'name !== nameOf(index)'),
      edit('driver/snapshots.js', 'if (index > this.index) this.newest', 'this.newest'),
    ],
  },
  {
    bug: '20',
    name: 'a snapshot does not hold the members as of its entry',
    edits: [edit('driver/raft.js', 'term: this.#applying.term, confState }', 'term: this.#applying.term }')],
  },
  {
    bug: '21a',
    name: 'a sync that failed is tried again',
    edits: [
      inStorage(
        'await file.write(frame, this.#end); await syncOrFail(file);',
        'await file.write(frame, this.#end); try { await file.sync(); } catch { await file.sync(); }',
      ),
    ],
  },
  {
    bug: '21b',
    name: 'the next process trusts what a failed sync left in the cache',
    edits: [inRecovery('await file.write(content.subarray(lastFrameAt, end), lastFrameAt);', '')],
  },
  {
    bug: '22a',
    name: 'a write is not synced',
    edits: [
      inStorage('await file.write(frame, this.#end); await syncOrFail(file);', 'await file.write(frame, this.#end);'),
    ],
  },
  {
    bug: '22b',
    name: 'a torn record is not cut off',
    edits: [inRecovery('if (!isClean) await file.truncate(end);', '')],
  },
  {
    bug: '22c',
    name: 'the name of a new segment is not synced',
    edits: [
      inStorage(
        'await disk.rename(path + temporarySuffix, path); await disk.syncDirectory(directory);',
        'await disk.rename(path + temporarySuffix, path);',
      ),
    ],
  },
  {
    bug: '22d',
    name: 'what is written is acknowledged while it is being written',
    edits: [
      inStorage(
        'await this.#whenThereIsRoom(() => this.#write(frame));',
        'const written = this.#write(frame); for (const save of saves) save.resolve(); await written;',
      ),
    ],
  },
  {
    bug: '22e',
    name: 'a piece of a snapshot is not synced',
    edits: [
      edit(
        'storage/partial-snapshot.js',
        'const bytes = this.#bytes; await this.#file.sync();',
        'const bytes = this.#bytes;',
      ),
    ],
  },
  {
    bug: '22f',
    name: 'what came in of a snapshot is not compared with what was offered, or read back',
    edits: [
      edit('storage/partial-snapshot.js', '|| this.#checksum !== expected', ''),
      edit('storage/partial-snapshot.js', 'crc32c(data) !== checksum', 'false'),
      edit(
        'storage/snapshot-file.js',
        '|| crc32(body, crc32(content.subarray(0, 32))) !== content.readUInt32LE(32)',
        '',
      ),
    ],
  },
  {
    bug: '23',
    name: 'damage in the middle of the log is taken for a torn end',
    edits: [
      inRecovery(
        "throw new LogDamagedError(path, at, 'a record before the last one does not read back as it was written');",
        '',
      ),
      inRecovery(
        "throw new LogDamagedError(path, at, 'the last record was written wholly, and has changed since');",
        '',
      ),
      inRecovery('if (hardState.commit > last) {', 'if (false) {'),
    ],
  },
  {
    bug: '24',
    name: 'a leader counts its own entries before they are on its disk',
    edits: [
      edit(
        'core/raft.js',
        "this.send('MsgAppResp', this.id, { index: this.log.lastIndex });",
        "this.progress.get(this.id).maybeUpdate(this.log.lastIndex); this.send('MsgAppResp', this.id, { index: this.log.lastIndex });",
      ),
    ],
  },
  {
    bug: '26a',
    name: 'a command of a session that is repeated is applied again',
    edits: [
      edit(
        'driver/session-table.js',
        'this.#forget(session, answered); const known = session.answers.get(serial); if (known !== undefined) return outcomeOf(known);',
        'this.#forget(session, answered);',
      ),
    ],
  },
  {
    bug: '26b',
    name: 'what sessions were answered is not in snapshots',
    edits: [
      edit(
        'driver/session-table.js',
        '({ id, ...session, answers: [...session.answers] })',
        '({ id, ...session, answers: [] })',
      ),
    ],
  },
  {
    bug: '26c',
    name: 'a command whose peer ends after it passed it on is said not to have happened',
    edits: [
      edit(
        'driver/sessions.js',
        'reject(attempts > 0 ? late(new ClosedError(), true) : new ClosedError());',
        'reject(new ClosedError());',
      ),
    ],
  },
];
