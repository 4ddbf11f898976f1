// The shell around the core: it does the I/O that each Ready asks, in the order of its fields, and nothing else decides
// anything. One loop turns at a time; what is proposed or received while the disk writes waits in the core, so the
// next turn writes all of it at once (group commit). After a fatal error nothing leaves this peer any more.
import { assert } from '../assert.ts';
import { decodeConfChange } from '../core/conf-change.ts';
import type { Message } from '../core/messages.ts';
import { type BasicStatus, RawNode, type Ready } from '../core/raw-node.ts';
import { ClosedError, NoLeaderError, NotLeaderError, ProposalRefusedError } from '../errors.ts';
import { realDisk } from '../storage/disk.ts';
import { DurableLog } from '../storage/durable-log.ts';
import type { Recovered } from '../storage/recovery.ts';
import { Announcer } from './announcer.ts';
import { coreConfig, defaults } from './config.ts';
import { Members, type Membership } from './members.ts';
import type { Applied, ProposeOptions, RaftOptions, RaftStatus, RaftSummary, ReadIndexOptions } from './options.ts';
import { groupsOf, Proposals, refusal } from './proposals.ts';
import { Reads } from './reads.ts';
import { Snapshots } from './snapshots.ts';

/** One proposal's data. Larger things belong elsewhere, with their address in the log. */
export const maxProposalBytes = 1024 * 1024;
/** Proposals or reads that wait on one peer; beyond it they are refused. */
export const maxWaiting = 100_000;

export class Raft {
  readonly #options: RaftOptions;
  readonly #core: RawNode;
  readonly #log: DurableLog;
  readonly #proposals = new Proposals();
  readonly #reads: Reads;
  readonly #members: Members;
  readonly #announcer: Announcer;
  readonly #snapshots: Snapshots;
  readonly #tickMs: number;
  #timer: unknown;
  readonly #startedMs: number;
  #lastTickMs: number;
  #appliedIndex: number;
  #appliedTerm = 0;
  #turning: Promise<void> | undefined;
  #isWriting = false;
  #isMeanwhileDue = false;
  #isClosed = false;
  #isFatal = false;

  private constructor(options: RaftOptions, log: DurableLog, recovered: Recovered) {
    this.#options = options;
    this.#log = log;
    this.#core = new RawNode(coreConfig(options), recovered);
    this.#reads = new Reads(options.id, options.random);
    this.#members = new Members(this.#core, options.peers, () => this.#appliedIndex);
    this.#tickMs = options.tickMs ?? defaults.tickMs;
    this.#appliedIndex = recovered.snapshot?.metadata.index ?? 0;
    this.#snapshots = new Snapshots(options, this.#core, log, this.#appliedIndex);
    this.#startedMs = options.clock.now();
    this.#lastTickMs = this.#startedMs;
    this.#announcer = new Announcer(this.summary());
    if (options.log !== undefined) this.onStatus((status) => options.log?.({ type: 'status', status }));
  }

  /**
   * Reads the directory, restores the state machine and joins the peers. Entries that are known to be committed are
   * applied before it returns. Throws DirectoryLockedError and LogDamagedError.
   */
  static async open(options: RaftOptions): Promise<Raft> {
    const config = coreConfig(options);
    assert(
      [options.id, ...config.voters].every((id) => options.peers.some((peer) => peer.id === id)),
      'this peer and the first voters are among the peers',
    );
    let onFatal = (_error: Error): void => undefined;
    const { log, recovered } = await DurableLog.open({
      id: options.id,
      directory: options.directory,
      disk: options.disk ?? realDisk,
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
      // A disk that fails while it is opened makes `open` itself fail.
      onFatal: (error) => onFatal(error),
    });
    try {
      if (recovered.snapshot !== undefined) options.stateMachine.restore(recovered.snapshot.data);
      const raft = new Raft(options, log, recovered);
      onFatal = (error) => raft.#fatal(error);
      await raft.#start();
      return raft;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { transport, clock, id, peers } = this.#options;
    await this.#turn();
    transport.start({ id, peers, receive: (message) => this.#receive(message) });
    this.#timer = clock.setInterval(() => this.#tick(), this.#tickMs);
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
  propose(data: Uint8Array, { timeoutMs = defaults.timeoutMs }: ProposeOptions = {}): Promise<Applied> {
    if (this.#isClosed) return Promise.reject(new ClosedError());
    if (data.length === 0) return Promise.reject(new ProposalRefusedError('A proposal has at least one byte.'));
    if (data.length > maxProposalBytes) {
      return Promise.reject(new ProposalRefusedError(`A proposal has at most ${maxProposalBytes} bytes.`));
    }
    if (this.#proposals.count >= maxWaiting) {
      return Promise.reject(new ProposalRefusedError('Too many proposals wait.'));
    }
    const { role, lead } = this.#core.basicStatus();
    if (role !== 'leader') return Promise.reject(new NotLeaderError(lead || undefined));
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#options.clock.now() + timeoutMs;
      this.#proposals.add({ data: new Uint8Array(data), deadlineMs, resolve, reject });
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
    const summary = this.summary();
    return summary.role === 'leader' ? { ...summary, peers: this.#core.status().progress } : summary;
  }

  /** `status()` without what a leader knows of the others. */
  summary(): RaftSummary {
    const core = this.#core.basicStatus();
    const isLeader = core.role === 'leader';
    return {
      id: core.id,
      term: core.term,
      role: core.role,
      ...(core.lead > 0 ? { leaderId: core.lead } : {}),
      isEstablishedLeader: isLeader && this.#appliedTerm === core.term,
      commitIndex: core.commit,
      appliedIndex: this.#appliedIndex,
      firstIndex: core.firstIndex,
      lastIndex: core.lastIndex,
      snapshotIndex: this.#snapshots.index,
      membership: this.#members.confState,
    };
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
    await this.#turning;
    await this.#snapshots.settled();
    await this.#log.close();
  }

  #stop(cause?: Error): void {
    this.#isClosed = true;
    this.#options.clock.clearInterval(this.#timer);
    this.#proposals.close(cause);
    this.#reads.close();
    this.#members.close();
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
      this.#measureTime();
      this.#core.step(message);
    });
  }

  /** Before anything is answered under a lease: this process may have stood still since the last tick. */
  #measureTime(): void {
    this.#core.measureTime(Math.floor((this.#options.clock.now() - this.#startedMs) / this.#tickMs));
  }

  #tick(): void {
    const now = this.#options.clock.now();
    const lateMs = now - this.#lastTickMs - this.#tickMs;
    this.#lastTickMs = now;
    const electionMs = (this.#options.electionTicks ?? defaults.electionTicks) * this.#tickMs;
    this.#guarded(() => {
      this.#measureTime();
      if (lateMs > electionMs / 2) {
        // The leader's heartbeats may lie unread in the sockets; that we heard nothing is our own fault.
        this.#core.restartElectionTimer();
        this.#options.log?.({ type: 'stalled', lateMs });
      }
      this.#core.tick();
      this.#proposals.expire(now);
      this.#reads.tick(now);
      this.#members.look(now);
    });
  }

  /** While the disk is busy, what does not depend on it goes on. */
  #meanwhile(): void {
    this.#isMeanwhileDue = false;
    if (this.#isClosed || !this.#isWriting) return;
    try {
      this.#feed();
      this.#options.transport.send(this.#core.takeMessages());
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
      .catch((error: Error) => this.#fatal(error))
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
      const answer = this.#core.propose(group.map(({ data }) => data));
      if (answer.isAccepted) this.#proposals.appended(group, answer.index, answer.term);
      else for (const { reject } of group) reject(refusal(answer));
    }
    this.#measureTime();
    if (this.#reads.hasWaiting && this.#core.basicStatus().lead > 0) this.#core.readIndex(this.#reads.beginRound());
  }

  async #handle(ready: Ready): Promise<void> {
    const { transport } = this.#options;
    if (ready.softState !== undefined) this.#leadershipChanged(this.#core.basicStatus());
    for (const { context, index } of ready.readStates) this.#reads.confirmed(context, index);
    transport.send(ready.messages);
    this.#apply(ready);
    this.#isWriting = true;
    if (ready.snapshot !== undefined) await this.#install(ready);
    else if (ready.mustSync) await this.#log.save(ready);
    this.#isWriting = false;
    if (!ready.mustSync && ready.hardState !== undefined) this.#log.noteCommit(ready.hardState);
    // A fatal error during the wait has stopped this peer: what it did not make durable, it must not confirm.
    if (this.#isClosed) return;
    transport.send(ready.messagesAfterAppend);
    this.#measureTime();
    this.#core.advance();
    this.#reads.applied(this.#appliedIndex);
    this.#members.look(this.#options.clock.now());
    this.#announce();
    const { confState } = this.#members;
    const applied = { index: this.#appliedIndex, term: this.#appliedTerm, confState };
    this.#snapshots.maybeTake(applied, (error) => this.#fatal(error));
  }

  #announce(): void {
    this.#announcer.announce(this.summary(), () => this.status());
  }

  #leadershipChanged({ role, lead }: BasicStatus): void {
    if (role !== 'leader') this.#proposals.lostLeadership(lead || undefined);
    this.#reads.retryAll();
    // Who acts as the leader must hear at once that it is none, and not after a slow disk's write.
    this.#announce();
  }

  #apply(ready: Ready): void {
    for (const entry of ready.committedEntries) {
      assert(entry.index === this.#appliedIndex + 1, 'entries are applied in order');
      const change = decodeConfChange(entry);
      if (change !== undefined) this.#members.apply(change, entry);
      // An entry without data is a new leader's first, or a change of membership that came too early.
      const isCommand = change === undefined && entry.data.length > 0;
      const result = isCommand ? this.#options.stateMachine.apply(entry) : undefined;
      this.#appliedIndex = entry.index;
      this.#appliedTerm = entry.term;
      this.#proposals.applied(entry.index, entry.term, result);
    }
  }

  async #install(ready: Ready): Promise<void> {
    const { snapshot } = ready;
    assert(snapshot !== undefined, 'there is a snapshot to install');
    // An own snapshot under way is older; it must not come to lie over this one.
    await this.#snapshots.settled();
    await this.#log.saveSnapshot(snapshot);
    await this.#log.save({ ...ready, reset: snapshot.metadata });
    if (this.#isClosed) return;
    this.#options.stateMachine.restore(snapshot.data);
    this.#appliedIndex = snapshot.metadata.index;
    this.#appliedTerm = snapshot.metadata.term;
    this.#members.installed(snapshot.metadata.confState);
    this.#snapshots.installed(snapshot);
  }
}
