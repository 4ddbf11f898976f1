// The shell around the core: it does the I/O that each Ready asks, in the order of its fields, and nothing else decides
// anything. One loop turns at a time; what is proposed or received while the disk writes waits in the core, so the
// next turn writes all of it at once (group commit). After a fatal error nothing leaves this peer any more.
import type { Message } from '../core/messages.ts';
import type { RawNode, Ready, SoftState } from '../core/raw-node.ts';
import { ClosedError, NoLeaderError, NotLeaderError, ProposalRefusedError } from '../errors.ts';
import type { DurableLog } from '../storage/durable-log.ts';
import { Announcer } from './announcer.ts';
import { Applying } from './applying.ts';
import { defaults, maxProposalBytes, maxWaiting } from './config.ts';
import { FullDisk } from './full-disk.ts';
import { HungDisk } from './hung-disk.ts';
import { Members, type Membership } from './members.ts';
import { type MetricFamily, Metrics } from './metrics.ts';
import { makeCore, type Opened, openLog } from './opening.ts';
import type {
  Applied,
  OpenSessionOptions,
  ProposeEntryOptions,
  ProposeOptions,
  RaftOptions,
  RaftStatus,
  RaftSummary,
  ReadIndexOptions,
} from './options.ts';
import { checkData, OwnEntries } from './own-entries.ts';
import { Proposals } from './proposals.ts';
import { Reads } from './reads.ts';
import type { LogEntry, Session } from './sessions.ts';
import { Snapshots } from './snapshots.ts';
import { summaryOf } from './status.ts';
import { Ticker } from './ticker.ts';
import { Turns } from './turns.ts';

export class Raft {
  readonly #options: RaftOptions;
  readonly #core: RawNode;
  readonly #log: DurableLog;
  readonly #applying: Applying;
  readonly #ownEntries: OwnEntries;
  readonly #proposals = new Proposals();
  readonly #reads: Reads;
  readonly #members: Members;
  readonly #announcer: Announcer;
  readonly #snapshots: Snapshots;
  readonly #fullDisk: FullDisk;
  readonly #hungDisk: HungDisk;
  readonly #metrics: Metrics;
  readonly #ticker: Ticker;
  readonly #turns: Turns;
  readonly #now: () => number;
  #leadership: SoftState = { role: 'follower', lead: 0 };
  #isClosed = false;
  #isFatal = false;

  private constructor(options: RaftOptions, { log, recovered, replicated }: Opened) {
    this.#options = options;
    this.#now = () => options.clock.now();
    this.#log = log;
    this.#applying = new Applying(replicated, this.#proposals, recovered.snapshot?.metadata);
    this.#core = makeCore(options, recovered, () => this.#snapshots.newest);
    this.#reads = new Reads(options.id, options.random);
    this.#members = new Members(this.#core, options, () => this.#applying.index);
    this.#snapshots = new Snapshots(
      {
        ...{ options, log, replicated },
        count: (counter) => this.#metrics.count(counter),
        guarded: (work) => this.#guarded(() => work(this.#core)),
        onFatal: (error) => this.#fatal(error),
      },
      this.#core,
      recovered.snapshot?.metadata,
    );
    this.#metrics = new Metrics(this.#now);
    this.#fullDisk = new FullDisk(options, this.#core, log);
    this.#hungDisk = new HungDisk({ options, core: this.#core, log, metrics: this.#metrics });
    this.#ownEntries = new OwnEntries(
      {
        ...{ options, core: this.#core },
        isClosed: () => this.#isClosed,
        isDiskFull: () => this.#fullDisk.isFull,
        send: (messages) => this.#send(messages),
        newKey: () => this.#reads.newName(),
        submit: (entry, timeoutMs, kind) => this.#submit(entry, timeoutMs, kind),
        feed: () => this.#feed(),
      },
      replicated,
    );
    this.#turns = new Turns(options.clock, {
      turn: () => this.#turn(),
      meanwhile: () => this.#meanwhile(),
      hasWork: () => this.#hasWork(),
      // Who was closed while it waited for a full disk has promised nothing.
      failed: (error) => (this.#isClosed && error instanceof ClosedError) || this.#fatal(error),
    });
    this.#ticker = new Ticker(options, {
      tick: (nowMs, lateMs) => this.#guarded(() => this.#tick(nowMs, lateMs)),
      tickSlowly: (nowMs) =>
        this.#guarded(() => {
          this.#ownEntries.tickSlowly(nowMs);
          this.#fullDisk.tickSlowly();
        }),
    });
    this.#announcer = new Announcer(this, options.log);
  }

  /**
   * Reads the directory, restores the state machine and joins the peers. Entries that are known to be committed are
   * applied before it returns. Throws DirectoryLockedError, LogDamagedError and UnknownKindError.
   */
  static async open(options: RaftOptions): Promise<Raft> {
    const opened = await openLog(options);
    try {
      const raft = new Raft(options, opened);
      opened.watch({
        onFatal: (error) => raft.#fatal(error),
        onSpace: (space) => raft.#guarded(() => raft.#fullDisk.changed(space)),
      });
      await raft.#start(opened.clusterId);
      return raft;
    } catch (error) {
      await opened.log.close();
      throw error;
    }
  }

  async #start(clusterId: string): Promise<void> {
    const { transport, id, peers, log } = this.#options;
    await this.#turn();
    transport.start({
      ...{ id, peers, clusterId },
      refused: (by, why) => log?.({ type: 'refused', by, why }),
      receive: (message) => this.#receive(message),
      receiveSnapshot: async (message, file) => (this.#isClosed ? undefined : this.#snapshots.receive(message, file)),
    });
    this.#ticker.start();
    // Alone there is nobody to wait for.
    const { voters } = this.#core.status().confState;
    if (voters.length === 1 && voters[0] === id) this.#core.campaign();
    this.#turns.wake();
  }

  /**
   * Replicates `data` (at most `maxProposalBytes`) and resolves with what the state machine made of it, on this peer.
   * Throws what was surely not appended as NotLeaderError, ProposalRefusedError or ClosedError, and
   * ProposalUnknownError when the proposal may yet be committed.
   */
  async propose(
    data: Uint8Array,
    { timeoutMs = defaults.timeoutMs, kind }: ProposeEntryOptions = {},
  ): Promise<Applied> {
    return this.#metrics.proposing(async () => {
      checkData(data);
      return this.#submit({ data: Buffer.from(data) }, timeoutMs, kind);
    });
  }

  /**
   * A session, on any peer: each of its commands is applied once, however often it is tried. Throws SessionError
   * (`session.unavailable`) and ClosedError.
   */
  async openSession(options: OpenSessionOptions = {}): Promise<Session> {
    return this.#ownEntries.openSession(options);
  }

  /** Throws at once what is refused; resolves when the entry is applied here. */
  #submit(entry: LogEntry, timeoutMs: number, kind?: string): Promise<Applied> {
    this.#demandLeadership();
    if (this.#fullDisk.isFull) throw this.#fullDisk.refusal();
    if (this.#proposals.count >= maxWaiting) throw new ProposalRefusedError('Too many proposals wait.');
    if (kind !== undefined) this.#ownEntries.enable(kind);
    this.#turns.wake();
    return this.#proposals.add(entry, this.#now() + timeoutMs);
  }

  /**
   * Resolves when a read of this peer's state machine is linearizable: it shows everything that was acknowledged
   * anywhere before the call. The number is the index up to which that is. Throws NoLeaderError and ClosedError.
   */
  readIndex({ timeoutMs = defaults.timeoutMs }: ReadIndexOptions = {}): Promise<number> {
    if (this.#isClosed) return Promise.reject(new ClosedError());
    this.#metrics.count('reads');
    if (this.#reads.count >= maxWaiting) return Promise.reject(new NoLeaderError());
    this.#turns.wake();
    return this.#reads.add(this.#now() + timeoutMs);
  }

  /**
   * Makes these the members, through a joint configuration, and resolves when that is left again. Only on the leader;
   * a leader that is not among them steps down then. Throws what was surely not appended as NotLeaderError,
   * ProposalRefusedError or ClosedError, and ProposalUnknownError when the change may yet be made.
   */
  async changeMembership(target: Membership, { timeoutMs = defaults.timeoutMs }: ProposeOptions = {}): Promise<void> {
    this.#demandLeadership();
    if (this.#fullDisk.isFull) throw this.#fullDisk.refusal();
    this.#ownEntries.demandOf(target);
    const changed = this.#members.change(target, this.#now() + timeoutMs);
    this.#turns.wake();
    await changed;
  }

  /**
   * Lets another voter lead: `to`, or who is furthest. Resolves with who leads then. Only on the leader. Throws
   * NotLeaderError, ClosedError, and ProposalRefusedError when nobody took over within an election timeout.
   */
  async transferLeadership(to?: number, { timeoutMs = defaults.timeoutMs }: ProposeOptions = {}): Promise<number> {
    this.#demandLeadership();
    const transferred = this.#members.transfer(to, this.#now() + timeoutMs);
    this.#turns.wake();
    return transferred;
  }

  #demandLeadership(): void {
    if (this.#isClosed) throw new ClosedError();
    const { role, lead } = this.#core.basicStatus();
    if (role !== 'leader') throw new NotLeaderError(lead || undefined);
  }

  status(): RaftStatus {
    const summary = this.summary();
    return summary.role === 'leader' ? { ...summary, peers: this.#core.status().progress } : summary;
  }

  /** `status()` without what a leader knows of the others. */
  summary(): RaftSummary {
    return summaryOf(this.#core.basicStatus(), {
      appliedIndex: this.#applying.index,
      appliedTerm: this.#applying.term,
      snapshotIndex: this.#snapshots.index,
      diskSpace: this.#log.space,
      membership: this.#members.confState,
    });
  }

  /** What this peer counts and measures, as of now. */
  metrics(): MetricFamily[] {
    return this.#metrics.families({
      core: this.#core.status(),
      appliedIndex: this.#applying.index,
      proposalsPending: this.#proposals.count,
      readsPending: this.#reads.count,
      sessions: this.#ownEntries.sessionCount,
      logBytes: this.#log.bytes,
      ...{ isDiskFull: this.#fullDisk.isFull, isDiskHung: this.#hungDisk.isHung },
    });
  }

  /**
   * Calls back when term, role, leader or `isEstablishedLeader` change. Returns how to stop that. A listener must not
   * throw: that is a fatal error.
   */
  onStatus(listener: (status: RaftStatus) => void): () => void {
    return this.#announcer.add(listener);
  }

  /** Stops taking part. What was appended and is not applied is rejected with ProposalUnknownError. */
  async close(): Promise<void> {
    if (this.#isClosed && !this.#isFatal) return;
    this.#stop();
    this.#log.giveUp();
    await this.#turns.settled();
    await this.#snapshots.settled();
    await this.#log.close();
  }

  #stop(cause?: Error): void {
    this.#isClosed = true;
    this.#ticker.stop();
    this.#proposals.close(cause);
    this.#reads.close();
    this.#ownEntries.close();
    this.#members.close();
    this.#snapshots.lostLeadership();
    void this.#options.transport.close();
  }

  #fatal(error: Error): void {
    if (this.#isFatal) return;
    this.#isFatal = true;
    this.#stop(error);
    this.#options.onFatal(error);
  }

  /** Runs what must not fail; whatever it throws is something that cannot happen. */
  #guarded(work: () => void): void {
    if (this.#isClosed) return;
    try {
      work();
      this.#turns.wake();
    } catch (error) {
      this.#fatal(error as Error);
    }
  }

  #receive(message: Message): void {
    this.#guarded(() => {
      this.#metrics.received(message);
      this.#ticker.measure(this.#core);
      this.#options.trace?.({ type: 'received', message });
      if (message.type === 'MsgHello') this.#ownEntries.hear(message);
      else if (message.type === 'MsgProp') this.#ownEntries.receiveForwarded(message);
      else if (message.type !== 'MsgTimeoutNow' || !this.#hungDisk.mustNotCampaign) this.#core.step(message);
    });
  }

  #tick(nowMs: number, lateMs: number): void {
    this.#ticker.measure(this.#core);
    if (lateMs > 0) {
      // The leader's heartbeats may lie unread in the sockets; that we heard nothing is our own fault.
      this.#core.restartElectionTimer();
      this.#metrics.count('stalls');
      this.#options.log?.({ type: 'stalled', lateMs });
    }
    this.#hungDisk.tick(nowMs, lateMs);
    if (this.#hungDisk.mustNotCampaign) this.#core.restartElectionTimer();
    this.#core.tick();
    this.#proposals.expire(nowMs);
    this.#reads.tick(nowMs);
    this.#ownEntries.tick(nowMs);
    this.#members.look(nowMs);
  }

  /** While the disk is busy, what does not depend on it goes on. */
  #meanwhile(): void {
    if (this.#isClosed) return;
    this.#feed();
    this.#noticeLeadership();
    this.#send(this.#core.takeMessages());
    for (const { context, index } of this.#core.takeReadStates()) this.#reads.confirmed(context, index);
    this.#reads.applied(this.#applying.index);
  }

  /** Whether a turn can lead to anything; a read without a leader waits for one. */
  #hasWork(): boolean {
    const canAsk = this.#reads.hasWaiting && this.#core.basicStatus().lead > 0;
    return !this.#isClosed && (canAsk || this.#proposals.hasQueued || this.#core.hasReady());
  }

  async #turn(): Promise<void> {
    while (!this.#isClosed) {
      this.#feed();
      if (!this.#core.hasReady()) return;
      await this.#handle(this.#core.ready());
    }
  }

  #feed(): void {
    this.#proposals.append(maxProposalBytes, (entries) => this.#core.proposeEntries(entries));
    this.#ticker.measure(this.#core);
    if (this.#reads.hasWaiting && this.#core.basicStatus().lead > 0) this.#core.readIndex(this.#reads.beginRound());
  }

  async #handle(ready: Ready): Promise<void> {
    this.#options.trace?.({ type: 'ready', ready });
    this.#noticeLeadership();
    for (const { context, index } of ready.readStates) this.#reads.confirmed(context, index);
    this.#send(ready.messages);
    this.#applying.apply(ready.committedEntries, this.#members);
    if (ready.snapshot !== undefined) {
      await this.#turns.writing(this.#applying.install(ready.snapshot, ready, this.#snapshots, this.#members));
    } else if (ready.mustSync) await this.#turns.writing(this.#hungDisk.save(ready));
    this.#options.trace?.({ type: 'persisted', ready });
    if (!ready.mustSync && ready.hardState !== undefined) this.#log.noteCommit(ready.hardState);
    // A fatal error during the wait has stopped this peer: what it did not make durable, it must not confirm.
    if (this.#isClosed) return;
    this.#send(ready.messagesAfterAppend);
    this.#ticker.measure(this.#core);
    this.#core.advance();
    this.#reads.applied(this.#applying.index);
    this.#members.look(this.#now());
    this.#announcer.announce();
    const { confState } = this.#members;
    this.#snapshots.maybeTake({ index: this.#applying.index, term: this.#applying.term, confState });
  }

  #send(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const { trace, transport } = this.#options;
    this.#metrics.sent(messages);
    if (trace !== undefined) for (const message of messages) trace({ type: 'sent', message });
    transport.send(this.#snapshots.sendThose(messages));
  }

  #noticeLeadership(): void {
    const { role, lead } = this.#core.basicStatus();
    if (role === this.#leadership.role && lead === this.#leadership.lead) return;
    if (lead !== this.#leadership.lead) this.#metrics.count('leader_changes');
    this.#leadership = { role, lead };
    this.#options.trace?.({ type: 'role', role, lead, term: this.#core.basicStatus().term });
    if (role !== 'leader') {
      this.#proposals.lostLeadership(lead || undefined);
      this.#snapshots.lostLeadership();
      this.#metrics.lostLeadership();
    }
    this.#ownEntries.leadershipChanged(role === 'leader');
    this.#reads.retryAll();
    // Who acts as the leader must hear at once that it is none, and not after a slow disk's write.
    this.#announcer.announce();
  }
}
