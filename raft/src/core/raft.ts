// The state of one peer and its transitions (figure 2). It never reads a clock, draws a random number, opens a socket
// or writes a file. The files beside it are its verbs: election.ts, replication.ts, leader.ts, follower.ts, step.ts,
// reconfiguration.ts, reads.ts, transfer.ts.
import { assert } from '../assert.ts';
import type { CoreConfig, CoreRecovery } from './core-config.ts';
import { RaftLog } from './log.ts';
import { type Configuration, confStateOf, type NewProgress, restoreMembership } from './membership.ts';
import {
  type ConfState,
  dependsOnDisk,
  type Entry,
  type HardState,
  isLocalThread,
  type Message,
  type MessageContent,
  type MessageType,
  makeMessage,
  none,
  payloadBytes,
  type ReadState,
  type Role,
} from './messages.ts';
import { Progress } from './progress.ts';
import { ReadOnly } from './read-only.ts';

export type { CoreConfig, CoreLimits, CoreRecovery } from './core-config.ts';

/** Why a message did nothing: the proposal in it was surely not appended. */
export type StepRefusal = 'proposal-dropped';

const isForwarded: ReadonlySet<MessageType> = new Set(['MsgProp', 'MsgReadIndex']);
const isAboutVotes: ReadonlySet<MessageType> = new Set(['MsgVote', 'MsgVoteResp', 'MsgPreVote', 'MsgPreVoteResp']);

export class RaftCore {
  readonly config: CoreConfig;
  readonly id: number;
  readonly log: RaftLog;
  #configuration: Configuration;
  #confState: ConfState;
  /** Of everybody who takes part, in ascending order of ids. */
  progress: Map<number, Progress>;
  term: number;
  vote: number;
  lead = none;
  role: Role = 'follower';
  votes = new Map<number, boolean>();
  /** To whom this leader is handing over (thesis §3.10). */
  leadTransferee = none;
  /** Whether this leader asked anybody to take over in this term: such an election heeds no lease. */
  hasHandedOver = false;
  /** The last entry that may be a change of membership; until it is applied, no further one is accepted. */
  pendingConfIndex = 0;
  /** Where the snapshot ends whose membership was taken over. */
  restoredIndex = 0;
  readOnly: ReadOnly;
  /** Reads asked of a leader that has not committed an entry of its term yet. */
  pendingReadIndexMessages: Message[] = [];
  readStates: ReadState[] = [];
  messages: Message[] = [];
  messagesAfterAppend: Message[] = [];
  /** Ticks that came since the start. */
  ticks = 0;
  /** Ticks' time that passed since the start, if the caller measures it. */
  measuredTicks: number | undefined;
  electionElapsed = 0;
  heartbeatElapsed = 0;
  randomizedElectionTicks: number;
  uncommittedBytes = 0;

  constructor(config: CoreConfig, recovery: CoreRecovery) {
    assertConfig(config);
    this.config = config;
    this.id = config.id;
    const { hardState, snapshot, entries } = recovery;
    this.log = new RaftLog(snapshot, entries, hardState.commit, config.limits.maxAppliedBytesPerReady);
    if (config.applied !== undefined) this.log.appliedTo(Math.max(config.applied, this.log.applied), []);
    const restored = restoreMembership(snapshot?.metadata.confState ?? this.#initialConfState(), this.newProgress());
    this.#configuration = restored.configuration;
    this.#confState = confStateOf(restored.configuration);
    this.progress = new Map(restored.progress);
    this.term = hardState.term;
    this.vote = hardState.vote;
    assert(hardState.term === 0 || this.term >= this.log.lastTerm, 'the term is never older than the log');
    this.readOnly = new ReadOnly(this.id);
    this.randomizedElectionTicks = config.randomElectionTicks();
  }

  #initialConfState(): ConfState {
    const { voters, learners = [] } = this.config;
    return { voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  set configuration(configuration: Configuration) {
    this.#configuration = configuration;
    this.#confState = confStateOf(configuration);
  }

  get confState(): ConfState {
    return this.#confState;
  }

  /** The measure of leases. */
  get ageTicks(): number {
    return this.measuredTicks ?? this.ticks;
  }

  newProgress(): NewProgress {
    return { lastIndex: this.log.lastIndex, limits: this.config.limits };
  }

  isVoter(id: number): boolean {
    return this.configuration.incoming.has(id) || this.configuration.outgoing.has(id);
  }

  /** Whether this peer may ask to lead: a voter whose log is on its disk. */
  get isPromotable(): boolean {
    const own = this.progress.get(this.id);
    // A snapshot that is not on disk yet is a log that is not: who has none must not ask to lead.
    return own !== undefined && !own.isLearner && this.log.pendingSnapshot === undefined;
  }

  /** Whether entries are handed out to be applied before this peer's own disk has them. */
  get appliesUnstable(): boolean {
    return this.config.applyUnstableEntries === true && this.config.asyncStorageWrites !== true;
  }

  /** Whether an entry of this leader's own term is committed: before, it does not know what is (§8). */
  get hasCommittedInTerm(): boolean {
    return this.log.term(this.log.committed) === this.term;
  }

  send(type: MessageType, to: number, content: MessageContent = {}): void {
    assert(isAboutVotes.has(type) === (content.term ?? 0) > 0, `${type} names its term if it is about votes`);
    const term = isForwarded.has(type) ? 0 : (content.term ?? this.term);
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
    const own = this.progress.get(this.id);
    assert(own !== undefined, 'who leads takes part');
    own.becomeReplicate();
    own.recentActive = true;
    // Any entry that is not applied yet may change the membership; looking at all of them could take long.
    this.pendingConfIndex = this.log.lastIndex;
    // §8: only an entry of its own term tells a leader what is committed. The empty one is never refused.
    this.appendEntries([{ data: new Uint8Array(0) }]);
  }

  #reset(term: number): void {
    assert(term >= this.term, 'terms never go backwards');
    if (term !== this.term) {
      this.term = term;
      this.vote = none;
    }
    this.lead = none;
    this.leadTransferee = none;
    this.hasHandedOver = false;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.randomizedElectionTicks = this.config.randomElectionTicks();
    this.votes.clear();
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.readOnly = new ReadOnly(this.id);
    this.pendingReadIndexMessages = [];
    this.#resetProgress();
  }

  #resetProgress(): void {
    for (const [id, { isLearner }] of this.progress) {
      const progress = new Progress(this.log.lastIndex + 1, this.config.limits);
      progress.isLearner = isLearner;
      if (id === this.id) progress.match = this.log.lastIndex;
      this.progress.set(id, progress);
    }
  }

  /**
   * Appends to the leader's log. The leader counts itself only when its own disk has the entries, by the MsgAppResp
   * to itself: in a cluster of one, nothing else stands between a proposal and its commit.
   */
  appendEntries(content: readonly Pick<Entry, 'type' | 'data'>[]): boolean {
    const first = this.log.lastIndex + 1;
    const entries = content.map(({ type, data }, at): Entry => {
      const place = { index: first + at, term: this.term };
      return type === undefined ? { ...place, data } : { ...place, type, data };
    });
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

function assertConfig(config: CoreConfig): void {
  const ids = [config.id, ...config.voters, ...(config.learners ?? [])];
  assert(
    ids.every((id) => Number.isSafeInteger(id) && id > none && !isLocalThread(id)),
    'ids begin at 1',
  );
  assert(new Set(config.voters).size === config.voters.length, 'voters are distinct');
  assert(config.heartbeatTicks > 0, 'a heartbeat takes time');
  assert(config.electionTicks > config.heartbeatTicks, 'an election timeout is longer than a heartbeat (§5.6)');
  const { maxBytesPerMessage, maxInflightBytes, maxInflightMessages } = config.limits;
  assert(maxInflightMessages > 0 && maxInflightBytes >= maxBytesPerMessage, 'one message may be under way');
  // A lease is what followers promise by refusing votes while they hear a leader (thesis §6.4.1).
  assert(config.readOnly !== 'lease-based' || config.checkQuorum, 'lease-based reads need check-quorum');
}
