// The shell around the core: it does the I/O that each Ready asks, in the order of its fields, and nothing else decides
// anything. One loop turns at a time; what is proposed or received while the disk writes waits in the core, so the
// next turn writes all of it at once (group commit). After a fatal error nothing leaves this peer any more.
import type { Message } from '../core/messages.ts';
import { RawNode, type Ready, type SoftState } from '../core/raw-node.ts';
import { ClosedError, NoLeaderError, NotLeaderError, ProposalRefusedError } from '../errors.ts';
import { DurableLog } from '../storage/durable-log.ts';
import type { DiskSpace } from '../storage/log-options.ts';
import type { Recovered } from '../storage/recovery.ts';
import { Announcer } from './announcer.ts';
import { Applying } from './applying.ts';
import { checkPeers, coreConfig, defaults, logOptions, maxProposalBytes, maxWaiting } from './config.ts';
import { FullDisk } from './full-disk.ts';
import { ownKinds } from './kinds.ts';
import { Members, type Membership } from './members.ts';
import type {
  Applied,
  ProposeEntryOptions,
  ProposeOptions,
  RaftOptions,
  RaftStatus,
  ReadIndexOptions,
} from './options.ts';
import { checkData, OwnEntries } from './own-entries.ts';
import { groupsOf, Proposals, refusal } from './proposals.ts';
import { Reads } from './reads.ts';
import { Replicated } from './replicated.ts';
import type { LogEntry, Session } from './sessions.ts';
import { Snapshots, withoutData } from './snapshots.ts';
import { statusOf } from './status.ts';
import { Ticker } from './ticker.ts';

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
  readonly #ticker: Ticker;
  #turning: Promise<void> | undefined;
  #leadership: SoftState = { role: 'follower', lead: 0 };
  #isWriting = false;
  #isMeanwhileDue = false;
  #isClosed = false;
  #isFatal = false;

  private constructor(options: RaftOptions, log: DurableLog, recovered: Recovered, replicated: Replicated) {
    this.#options = options;
    this.#log = log;
    this.#applying = new Applying(replicated, this.#proposals, recovered.snapshot?.metadata);
    const { hardState, entries, snapshot } = recovered;
    const newest = snapshot === undefined ? {} : { snapshot: withoutData(snapshot.metadata) };
    const source = () => this.#snapshots.newest;
    this.#core = new RawNode(coreConfig(options, source), { hardState, entries, ...newest });
    this.#reads = new Reads(options.id, options.random);
    this.#members = new Members(this.#core, options.peers, () => this.#applying.index);
    this.#snapshots = new Snapshots(
      {
        ...{ options, log, replicated },
        guarded: (work) => this.#guarded(() => work(this.#core)),
        onFatal: (error) => this.#fatal(error),
      },
      this.#core,
      newest.snapshot,
    );
    this.#fullDisk = new FullDisk(options, this.#core, log);
    this.#ownEntries = new OwnEntries(
      {
        options,
        core: this.#core,
        isClosed: () => this.#isClosed,
        isDiskFull: () => this.#fullDisk.isFull,
        send: (messages) => options.transport.send(messages),
        newKey: () => this.#reads.newName(),
        submit: (entry, timeoutMs, kind) => this.#submit(entry, timeoutMs, kind),
        feed: () => this.#feed(),
      },
      replicated,
    );
    this.#ticker = new Ticker(options, {
      tick: (nowMs, lateMs) => this.#guarded(() => this.#tick(nowMs, lateMs)),
      tickSlowly: (nowMs) => this.#guarded(() => this.#tickSlowly(nowMs)),
    });
    this.#announcer = new Announcer(this.status());
    if (options.log !== undefined) this.onStatus((status) => options.log?.({ type: 'status', status }));
  }

  /**
   * Reads the directory, restores the state machine and joins the peers. Entries that are known to be committed are
   * applied before it returns. Throws DirectoryLockedError, LogDamagedError and UnknownKindError.
   */
  static async open(options: RaftOptions): Promise<Raft> {
    checkPeers(options);
    let onFatal = (_error: Error): void => undefined;
    let onSpace = (_space: DiskSpace): void => undefined;
    const { log, recovered } = await DurableLog.open({
      ...logOptions(options),
      onSpace: (space) => onSpace(space),
      // A disk that fails while it is opened makes `open` itself fail.
      onFatal: (error) => onFatal(error),
    });
    try {
      const replicated = new Replicated(options.stateMachine, ownKinds(options.kinds));
      if (recovered.snapshot !== undefined) replicated.restore(recovered.snapshot.data);
      const raft = new Raft(options, log, recovered, replicated);
      onFatal = (error) => raft.#fatal(error);
      onSpace = (space) => raft.#guarded(() => raft.#fullDisk.changed(space));
      await raft.#start();
      return raft;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { transport, id, peers } = this.#options;
    await this.#turn();
    transport.start({
      ...{ id, peers },
      receive: (message) => this.#receive(message),
      receiveSnapshot: async (message, file) => (this.#isClosed ? undefined : this.#snapshots.receive(message, file)),
    });
    this.#ticker.start();
    // Alone there is nobody to wait for.
    const { voters } = this.#core.status().confState;
    if (voters.length === 1 && voters[0] === id) this.#core.campaign();
    this.#wake();
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
    checkData(data);
    return this.#submit({ data: new Uint8Array(data) }, timeoutMs, kind);
  }

  /**
   * A session, on any peer: each of its commands is applied once, however often it is tried. Throws SessionError
   * (`session.unavailable`) and ClosedError.
   */
  async openSession({ timeoutMs = defaults.timeoutMs }: ProposeOptions = {}): Promise<Session> {
    return this.#ownEntries.openSession(timeoutMs);
  }

  /** Throws at once what is refused; resolves when the entry is applied here. */
  #submit(entry: LogEntry, timeoutMs: number, kind?: string): Promise<Applied> {
    this.#demandLeadership();
    if (this.#fullDisk.isFull) throw this.#fullDisk.refusal();
    if (this.#proposals.count >= maxWaiting) throw new ProposalRefusedError('Too many proposals wait.');
    if (kind !== undefined) this.#ownEntries.enable(kind);
    return new Promise((resolve, reject) => {
      this.#proposals.add({ entry, deadlineMs: this.#deadline(timeoutMs), resolve, reject });
      this.#wake();
    });
  }

  /**
   * Resolves when a read of this peer's state machine is linearizable: it shows everything that was acknowledged
   * anywhere before the call. The number is the index up to which that is. Throws NoLeaderError and ClosedError.
   */
  readIndex({ timeoutMs = defaults.timeoutMs }: ReadIndexOptions = {}): Promise<number> {
    if (this.#isClosed) return Promise.reject(new ClosedError());
    if (this.#reads.count >= maxWaiting) return Promise.reject(new NoLeaderError());
    return new Promise((resolve, reject) => {
      this.#reads.add({ deadlineMs: this.#options.clock.now() + timeoutMs, resolve, reject });
      this.#wake();
    });
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
    const changed = this.#members.change(target, this.#deadline(timeoutMs));
    this.#wake();
    await changed;
  }

  /**
   * Lets another voter lead: `to`, or who is furthest. Resolves with who leads then. Only on the leader. Throws
   * NotLeaderError, ClosedError, and ProposalRefusedError when nobody took over within an election timeout.
   */
  async transferLeadership(to?: number, { timeoutMs = defaults.timeoutMs }: ProposeOptions = {}): Promise<number> {
    this.#demandLeadership();
    const transferred = this.#members.transfer(to, this.#deadline(timeoutMs));
    this.#wake();
    return transferred;
  }

  #deadline(timeoutMs: number): number {
    return this.#options.clock.now() + timeoutMs;
  }

  #demandLeadership(): void {
    if (this.#isClosed) throw new ClosedError();
    const { role, lead } = this.#core.basicStatus();
    if (role !== 'leader') throw new NotLeaderError(lead || undefined);
  }

  status(): RaftStatus {
    return statusOf(this.#core.status(), {
      appliedIndex: this.#applying.index,
      appliedTerm: this.#applying.term,
      snapshotIndex: this.#snapshots.index,
      diskSpace: this.#log.space,
      membership: this.#members.confState,
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
    await this.#turning;
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
      this.#wake();
    } catch (error) {
      this.#fatal(error as Error);
    }
  }

  #receive(message: Message): void {
    this.#guarded(() => {
      if (message.type === 'MsgHello') this.#ownEntries.hear(message);
      else if (message.type === 'MsgProp') this.#ownEntries.receiveForwarded(message);
      else this.#core.step(message);
    });
  }

  #tick(nowMs: number, lateMs: number): void {
    if (lateMs > 0) {
      // The leader's heartbeats may lie unread in the sockets; that we heard nothing is our own fault.
      this.#core.restartElectionTimer();
      this.#options.log?.({ type: 'stalled', lateMs });
    }
    if (this.#fullDisk.mustNotCampaign) this.#core.restartElectionTimer();
    this.#core.tick();
    this.#proposals.expire(nowMs);
    this.#reads.tick(nowMs);
    this.#ownEntries.tick(nowMs);
    this.#members.look(nowMs);
  }

  #tickSlowly(nowMs: number): void {
    this.#ownEntries.tickSlowly(nowMs);
    this.#fullDisk.tickSlowly();
  }

  /** While the disk is busy, what does not depend on it goes on. */
  #meanwhile(): void {
    this.#isMeanwhileDue = false;
    if (this.#isClosed || !this.#isWriting) return;
    try {
      this.#feed();
      this.#noticeLeadership();
      this.#send(this.#core.takeMessages());
      for (const { context, index } of this.#core.takeReadStates()) this.#reads.confirmed(context, index);
      this.#reads.applied(this.#applying.index);
    } catch (error) {
      this.#fatal(error as Error);
    }
  }

  #wake(): void {
    if (this.#isWriting && !this.#isMeanwhileDue) {
      this.#isMeanwhileDue = true;
      queueMicrotask(() => this.#meanwhile());
    }
    this.#turning ??= Promise.resolve()
      .then(() => this.#turn())
      .catch((error: Error) => {
        // Who was closed while it waited for a full disk has promised nothing.
        if (!(this.#isClosed && error instanceof ClosedError)) this.#fatal(error);
      })
      .finally(() => {
        this.#turning = undefined;
        if (!this.#isClosed && this.#hasWork()) this.#wake();
      });
  }

  #hasWork(): boolean {
    return this.#proposals.hasQueued || this.#reads.hasWaiting ? this.#canAsk() : this.#core.hasReady();
  }

  /** Whether feeding the core can lead to anything; a read without a leader waits for one. */
  #canAsk(): boolean {
    return this.#proposals.hasQueued || this.#core.basicStatus().lead > 0 || this.#core.hasReady();
  }

  async #turn(): Promise<void> {
    while (!this.#isClosed) {
      this.#feed();
      if (!this.#core.hasReady()) return;
      await this.#handle(this.#core.ready());
    }
  }

  #feed(): void {
    for (const group of groupsOf(this.#proposals.takeQueued(), maxProposalBytes)) {
      const answer = this.#core.proposeEntries(group.map(({ entry }) => entry));
      if (answer.isAccepted) this.#proposals.appended(group, answer.index, answer.term);
      else for (const { reject } of group) reject(refusal(answer));
    }
    if (this.#reads.hasWaiting && this.#core.basicStatus().lead > 0) this.#core.readIndex(this.#reads.beginRound());
  }

  async #handle(ready: Ready): Promise<void> {
    const { transport } = this.#options;
    this.#noticeLeadership();
    for (const { context, index } of ready.readStates) this.#reads.confirmed(context, index);
    this.#send(ready.messages);
    this.#applying.apply(ready.committedEntries, this.#members);
    this.#isWriting = true;
    if (ready.snapshot !== undefined) {
      await this.#applying.install(ready.snapshot, ready, this.#snapshots, this.#members);
    } else if (ready.mustSync) await this.#log.save(ready);
    this.#isWriting = false;
    if (!ready.mustSync && ready.hardState !== undefined) this.#log.noteCommit(ready.hardState);
    // A fatal error during the wait has stopped this peer: what it did not make durable, it must not confirm.
    if (this.#isClosed) return;
    transport.send(ready.messagesAfterAppend);
    this.#core.advance();
    this.#reads.applied(this.#applying.index);
    this.#members.look(this.#options.clock.now());
    this.#announcer.announce(this.status());
    const { confState } = this.#members;
    this.#snapshots.maybeTake({ index: this.#applying.index, term: this.#applying.term, confState });
  }

  #send(messages: readonly Message[]): void {
    this.#options.transport.send(this.#snapshots.sendThose(messages));
  }

  #noticeLeadership(): void {
    const { role, lead } = this.#core.basicStatus();
    if (role === this.#leadership.role && lead === this.#leadership.lead) return;
    this.#leadership = { role, lead };
    if (role !== 'leader') {
      this.#proposals.lostLeadership(lead || undefined);
      this.#snapshots.lostLeadership();
    }
    this.#ownEntries.leadershipChanged(role === 'leader');
    this.#reads.retryAll();
    // Who acts as the leader must hear at once that it is none, and not after a slow disk's write.
    this.#announcer.announce(this.status());
  }
}
