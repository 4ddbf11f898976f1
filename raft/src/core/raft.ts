// The state of one peer and its transitions (figure 2). It never reads a clock, draws a random number, opens a socket
// or writes a file. The files beside it are its verbs: election.ts, replication.ts, leader.ts, follower.ts, step.ts.
import { assert } from '../assert.ts';
import { RaftLog } from './log.ts';
import {
  dependsOnDisk,
  type Entry,
  type HardState,
  type Message,
  type MessageContent,
  type MessageType,
  makeMessage,
  none,
  payloadBytes,
  type ReadState,
  type Role,
  type Snapshot,
} from './messages.ts';
import { type InflightLimits, Progress } from './progress.ts';
import { ReadOnly } from './read-only.ts';

export interface CoreLimits extends InflightLimits {
  /** Bytes of data in one MsgApp; a single larger entry still travels. */
  readonly maxBytesPerMessage: number;
  /** Bytes of data a leader holds that are not committed; beyond it proposals are refused. */
  readonly maxUncommittedBytes: number;
  /** Bytes of data handed out to be applied at once, so that applying does not stop the heartbeats. */
  readonly maxAppliedBytesPerReady: number;
}

export interface CoreConfig {
  /** This peer's id, at least 1, and one of `voters`. */
  readonly id: number;
  readonly voters: readonly number[];
  /** Ticks without a leader after which a peer asks for an election. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Draws the election timeout in ticks, in [electionTicks, 2 * electionTicks) (§5.2). */
  readonly randomElectionTicks: () => number;
  /** Ticks after which a snapshot that nobody acknowledged is taken as lost. */
  readonly snapshotRetryTicks: number;
  /** Ask before an election whether it can be won, so that a peer that comes back does not depose a leader (thesis §9.6). */
  readonly preVote: boolean;
  /** A leader that a majority does not hear steps down, and who hears a leader grants no vote (thesis §6.2, §4.2.3). */
  readonly checkQuorum: boolean;
  readonly limits: CoreLimits;
}

/** What a peer finds on its disk. All empty for a new one. */
export interface CoreRecovery {
  readonly hardState: HardState;
  readonly snapshot?: Snapshot;
  readonly entries: readonly Entry[];
}

export class RaftCore {
  readonly config: CoreConfig;
  readonly id: number;
  readonly voters: readonly number[];
  readonly log: RaftLog;
  term: number;
  vote: number;
  lead = none;
  role: Role = 'follower';
  votes = new Map<number, boolean>();
  progress = new Map<number, Progress>();
  readOnly = new ReadOnly();
  /** Reads asked of a leader that has not committed an entry of its term yet. */
  pendingReadIndexMessages: Message[] = [];
  readStates: ReadState[] = [];
  messages: Message[] = [];
  messagesAfterAppend: Message[] = [];
  electionElapsed = 0;
  heartbeatElapsed = 0;
  randomizedElectionTicks: number;
  uncommittedBytes = 0;

  constructor(config: CoreConfig, recovery: CoreRecovery) {
    assert(config.voters.includes(config.id), 'a peer is one of the voters');
    assert(new Set(config.voters).size === config.voters.length, 'voters are distinct');
    assert(
      config.voters.every((voter) => Number.isSafeInteger(voter) && voter > none),
      'ids begin at 1',
    );
    assert(config.electionTicks > config.heartbeatTicks, 'an election timeout is longer than a heartbeat (§5.6)');
    this.config = config;
    this.id = config.id;
    this.voters = config.voters;
    this.log = new RaftLog(recovery.snapshot, recovery.entries, recovery.hardState.commit);
    this.term = recovery.hardState.term;
    this.vote = recovery.hardState.vote;
    assert(this.term >= this.log.lastTerm, 'the term is never older than the log');
    this.randomizedElectionTicks = config.randomElectionTicks();
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** Whether an entry of this leader's own term is committed: before, it does not know what is (§8). */
  get hasCommittedInTerm(): boolean {
    return this.log.term(this.log.committed) === this.term;
  }

  send(type: MessageType, to: number, content: MessageContent = {}): void {
    const isForwarded = type === 'MsgProp' || type === 'MsgReadIndex';
    const term = isForwarded ? 0 : (content.term ?? this.term);
    const message = makeMessage(type, to, { from: this.id, ...content, term });
    if (dependsOnDisk(type)) this.messagesAfterAppend.push(message);
    else {
      assert(to !== this.id, `${type} is not sent to oneself`);
      this.messages.push(message);
    }
  }

  becomeFollower(term: number, lead: number): void {
    this.#reset(term);
    this.lead = lead;
    this.role = 'follower';
  }

  /** Changes neither term nor vote: a pre-vote promises nothing. */
  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign');
    this.votes.clear();
    this.lead = none;
    this.role = 'pre-candidate';
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign');
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.role = 'candidate';
  }

  becomeLeader(): void {
    assert(this.role === 'candidate', 'only a candidate becomes leader');
    this.#reset(this.term);
    this.lead = this.id;
    this.role = 'leader';
    const own = this.ownProgress();
    own.becomeReplicate();
    own.recentActive = true;
    // §8: only an entry of its own term tells a leader what is committed. The empty one is never refused.
    this.appendEntries([new Uint8Array(0)]);
  }

  #reset(term: number): void {
    assert(term >= this.term, 'terms never go backwards');
    if (term !== this.term) {
      this.term = term;
      this.vote = none;
    }
    this.lead = none;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.randomizedElectionTicks = this.config.randomElectionTicks();
    this.votes.clear();
    this.uncommittedBytes = 0;
    this.readOnly = new ReadOnly();
    this.pendingReadIndexMessages = [];
    const next = this.log.lastIndex + 1;
    this.progress = new Map(this.voters.map((voter) => [voter, new Progress(next, this.config.limits)]));
  }

  ownProgress(): Progress {
    const own = this.progress.get(this.id);
    assert(own !== undefined, 'a peer has progress of its own');
    return own;
  }

  /**
   * Appends to the leader's log. The leader counts itself only when its own disk has the entries, by the MsgAppResp
   * to itself: in a cluster of one, nothing else stands between a proposal and its commit.
   */
  appendEntries(data: readonly Uint8Array[]): boolean {
    const first = this.log.lastIndex + 1;
    const entries = data.map((bytes, at) => ({ index: first + at, term: this.term, data: bytes }));
    const bytes = payloadBytes(entries);
    const isOverLimit = this.uncommittedBytes + bytes > this.config.limits.maxUncommittedBytes;
    // A single proposal is let in when nothing waits, or one larger than the limit could never be made.
    if (isOverLimit && bytes > 0 && this.uncommittedBytes > 0) return false;
    this.uncommittedBytes += bytes;
    this.log.append(entries);
    this.send('MsgAppResp', this.id, { index: this.log.lastIndex });
    return true;
  }
}
