// A cluster of cores on disks and a network that a test holds in its hands. Nothing moves unless the test says so, and
// the only randomness is the test's seed. After every act the world checks what must hold in any history (figure 3):
// election safety, log matching, leader completeness, state machine safety; and that whatever is applied anywhere
// is on the disks of a majority, and that no confirmed read misses what was committed when it was asked.
import { assert } from '../assert.ts';
import { type ConfChange, decodeConfChange } from './conf-change.ts';
import type { ConfState, Entry, HardState, Message, Snapshot } from './messages.ts';
import type { CoreConfig, CoreRecovery } from './raft.ts';
import { RawNode, type Ready } from './raw-node.ts';

interface Disk {
  hardState: HardState;
  snapshot?: Snapshot;
  entries: Entry[];
}

export interface Peer {
  readonly id: number;
  readonly disk: Disk;
  node: RawNode;
  isUp: boolean;
  /** Handed out by `ready` and not yet done; the disk is busy with it. */
  outstanding: Ready | undefined;
  /** With asynchronous storage: what the two threads have still to do, oldest first. */
  appendWork: Message[];
  applyWork: Message[];
  applied: number;
  /** As of the last applied entry. */
  confState: ConfState;
}

export const testLimits: CoreConfig['limits'] = {
  maxBytesPerMessage: 64,
  maxInflightMessages: 4,
  maxInflightBytes: 1024,
  maxUncommittedBytes: 1024,
  maxAppliedBytesPerReady: 32,
};

export class World {
  readonly peers = new Map<number, Peer>();
  readonly random: () => number;
  /** Messages under way, oldest first. */
  network: Message[] = [];
  /** `from>to` of links that lose everything. */
  readonly cutLinks = new Set<string>();
  readonly confirmedReads: { context: string; index: number }[] = [];
  readonly #overrides: Partial<CoreConfig>;
  readonly #firstVoters: readonly number[];
  readonly #leaders = new Map<number, number>();
  readonly #applied = new Map<number, Entry>();
  readonly #reads = new Map<string, number>();
  /**
   * All memberships that were applied anywhere. An entry right after a change may be committed before the leader
   * applies that change, so by the majority of before.
   */
  readonly #confStates: ConfState[];
  #highestApplied = 0;

  constructor(voterCount: number, random: () => number, overrides: Partial<CoreConfig> = {}) {
    this.random = random;
    this.#overrides = overrides;
    const voters = Array.from({ length: voterCount }, (_, at) => at + 1);
    this.#firstVoters = voters;
    this.#confStates = [{ voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }];
    for (const id of voters) this.join(id);
  }

  get membershipCount(): number {
    return this.#confStates.length - 1;
  }

  /** Of whoever has applied most. */
  get confState(): ConfState {
    const confState = this.#confStates.at(-1);
    assert(confState !== undefined, 'there is a membership from the beginning');
    return confState;
  }

  /** A peer with an empty disk that takes part in nothing yet. */
  join(id: number): void {
    const disk: Disk = { hardState: { term: 0, vote: 0, commit: 0 }, entries: [] };
    const idle = { outstanding: undefined, appendWork: [], applyWork: [] };
    const node = this.#boot(id, disk);
    const { confState } = node.status();
    this.peers.set(id, { id, disk, node, isUp: true, ...idle, applied: 0, confState });
  }

  peer(id: number): Peer {
    const peer = this.peers.get(id);
    assert(peer !== undefined, `there is a peer ${id}`);
    return peer;
  }

  get all(): Peer[] {
    return [...this.peers.values()];
  }

  leaders(): Peer[] {
    return this.all.filter(({ isUp, node }) => isUp && node.basicStatus().role === 'leader');
  }

  #boot(id: number, recovery: CoreRecovery): RawNode {
    const electionTicks = this.#overrides.electionTicks ?? 10;
    return new RawNode(
      {
        id,
        // Who comes later knows who was there at the beginning, for the log begins with them.
        voters: this.#firstVoters,
        electionTicks,
        heartbeatTicks: 1,
        randomElectionTicks: () => electionTicks + Math.floor(this.random() * electionTicks),
        snapshotRetryTicks: 20,
        preVote: true,
        checkQuorum: true,
        limits: testLimits,
        ...this.#overrides,
      },
      recovery,
    );
  }

  get #isAsync(): boolean {
    return this.#overrides.asyncStorageWrites === true;
  }

  /** The first half of a turn: what may leave at once leaves, and the disk begins to write. */
  beginTurn(id: number): void {
    const peer = this.peer(id);
    if (!peer.isUp || peer.outstanding !== undefined || !peer.node.hasReady()) return;
    const ready = peer.node.ready();
    for (const read of ready.readStates) this.#checkRead(read);
    if (this.#isAsync) {
      peer.appendWork.push(...ready.messages.filter(({ type }) => type === 'MsgStorageAppend'));
      peer.applyWork.push(...ready.messages.filter(({ type }) => type === 'MsgStorageApply'));
      this.network.push(...ready.messages.filter(({ type }) => !type.startsWith('MsgStorage')));
      return;
    }
    peer.outstanding = ready;
    this.network.push(...ready.messages);
    for (const entry of ready.committedEntries) this.#apply(peer, entry);
  }

  /** While the disk writes: what does not depend on it leaves. */
  sendMeanwhile(id: number): void {
    const peer = this.peer(id);
    if (peer.isUp) this.network.push(...peer.node.takeMessages());
  }

  /** The second half: the disk has it, and what depends on that leaves. */
  endTurn(id: number): void {
    const peer = this.peer(id);
    if (this.#isAsync) this.#work(peer);
    if (!peer.isUp || peer.outstanding === undefined) return;
    const ready = peer.outstanding;
    this.persist(peer, ready);
    peer.outstanding = undefined;
    this.network.push(...ready.messagesAfterAppend);
    peer.node.advance();
    this.#check(peer);
  }

  /** Each thread does one thing. Its answers to others travel; those to the peer itself arrive. */
  #work(peer: Peer): void {
    const append = peer.appendWork.shift();
    if (append !== undefined) {
      const { term, vote = 0, commit } = append;
      this.persist(peer, { ...append, ...(term > 0 ? { hardState: { term, vote, commit } } : {}) });
    }
    const apply = peer.applyWork.shift();
    for (const entry of apply?.entries ?? []) this.#apply(peer, entry);
    for (const response of [...(append?.responses ?? []), ...(apply?.responses ?? [])]) {
      if (response.to === peer.id) peer.node.step(response);
      else this.network.push(response);
    }
    this.#check(peer);
  }

  persist(
    peer: Peer,
    { hardState, entries, snapshot }: Pick<Ready, 'entries' | 'snapshot'> & { readonly hardState?: HardState },
  ): void {
    const { disk } = peer;
    if (snapshot !== undefined) {
      disk.snapshot = snapshot;
      disk.entries = [];
      peer.applied = snapshot.metadata.index;
      peer.confState = snapshot.metadata.confState ?? peer.confState;
    }
    const first = entries[0];
    if (first !== undefined) {
      const kept = disk.entries.filter(({ index }) => index < first.index);
      disk.entries = [...kept, ...entries];
    }
    if (hardState !== undefined) disk.hardState = hardState;
  }

  /** Turns until this peer has nothing to do. */
  settle(id: number): void {
    const peer = this.peer(id);
    this.endTurn(id);
    while (peer.isUp && (peer.node.hasReady() || peer.appendWork.length + peer.applyWork.length > 0)) {
      this.beginTurn(id);
      this.endTurn(id);
    }
  }

  /** Delivers everything that `allows`, and what comes of it, until nothing is under way. */
  run(allows: (message: Message) => boolean = () => true): void {
    for (const { id } of this.all) this.settle(id);
    for (let message = this.network.shift(); message !== undefined; message = this.network.shift()) {
      if (allows(message)) this.deliver(message);
      if (this.peers.has(message.to)) this.settle(message.to);
    }
  }

  deliver(message: Message): void {
    const peer = this.peers.get(message.to);
    if (peer?.isUp && !this.cutLinks.has(`${message.from}>${message.to}`)) peer.node.step(message);
  }

  /** Ticks of all peers, with everything that is allowed delivered after each. */
  ticks(count: number, allows: (message: Message) => boolean = () => true): void {
    for (let tick = 0; tick < count; tick += 1) {
      for (const { node, isUp } of this.all) if (isUp) node.tick();
      this.run(allows);
    }
  }

  elect(id: number): Peer {
    const peer = this.peer(id);
    peer.node.campaign();
    this.run();
    assert(peer.node.status().role === 'leader', `peer ${id} was elected`);
    return peer;
  }

  propose(id: number, text: string): void {
    this.peer(id).node.propose([Buffer.from(text)]);
  }

  /** Whether a majority, of each set of voters, is among these peers. */
  isQuorum(ids: readonly number[], { voters, votersOutgoing }: ConfState): boolean {
    const has = (set: readonly number[]) => set.filter((id) => ids.includes(id)).length * 2 > set.length;
    return has(voters) && (votersOutgoing.length === 0 || has(votersOutgoing));
  }

  change(id: number, change: Omit<ConfChange & { readonly version: 2 }, 'version'>): void {
    this.peer(id).node.proposeConfChange({ version: 2, ...change });
  }

  read(id: number, context: string): void {
    // What any peer knows to be committed, somebody may have been told.
    this.#reads.set(context, Math.max(...this.all.map(({ node }) => node.basicStatus().commit)));
    this.peer(id).node.readIndex(context);
  }

  crash(id: number): void {
    const peer = this.peer(id);
    peer.isUp = false;
    peer.outstanding = undefined;
    peer.appendWork = [];
    peer.applyWork = [];
  }

  restart(id: number): void {
    const peer = this.peer(id);
    const { disk } = peer;
    peer.node = this.#boot(id, { ...disk, entries: [...disk.entries] });
    peer.isUp = true;
    peer.outstanding = undefined;
    peer.applied = peer.disk.snapshot?.metadata.index ?? 0;
    peer.confState = peer.node.status().confState;
  }

  /** Takes a snapshot of what is applied and forgets the log up to `trailing` entries before it. */
  compact(id: number, trailing: number): void {
    const peer = this.peer(id);
    const index = peer.applied;
    const term = this.#applied.get(index)?.term;
    if (!peer.isUp || term === undefined || index <= (peer.disk.snapshot?.metadata.index ?? 0)) return;
    const { confState } = peer;
    const snapshot = { metadata: { index, term, confState }, data: new Uint8Array(0) };
    peer.disk.snapshot = snapshot;
    peer.disk.entries = peer.disk.entries.filter((entry) => entry.index > index);
    peer.node.compact(snapshot, Math.max(0, index - trailing));
  }

  /** Terms of the entries on a disk, from the first one on. */
  terms(id: number): number[] {
    return this.peer(id).disk.entries.map(({ term }) => term);
  }

  hasOnDisk(peer: Peer, entry: Entry): boolean {
    const { snapshot, entries } = peer.disk;
    if ((snapshot?.metadata.index ?? 0) >= entry.index) return true;
    return entries.some(({ index, term }) => index === entry.index && term === entry.term);
  }

  #apply(peer: Peer, entry: Entry): void {
    assert(entry.index === peer.applied + 1, `peer ${peer.id} applies in order`);
    peer.applied = entry.index;
    const known = this.#applied.get(entry.index);
    const isSame = known === undefined || (known.term === entry.term && Buffer.compare(known.data, entry.data) === 0);
    assert(isSame, `state machine safety: all peers apply the same entry ${entry.index}`);
    this.#applied.set(entry.index, entry);
    this.#highestApplied = Math.max(this.#highestApplied, entry.index);
    assert(this.hasOnDisk(peer, entry), `peer ${peer.id} applies only what its own disk has`);
    const holders = this.all.filter((other) => this.hasOnDisk(other, entry)).map(({ id }) => id);
    // The first to apply it has the membership that committed it; who is late may know a later one, or none.
    const isFirst = known === undefined;
    const isHeld = this.#confStates.slice(-2).some((confState) => this.isQuorum(holders, confState));
    assert(!isFirst || isHeld, `entry ${entry.index} is applied when a majority's disks have it`);
    const change = decodeConfChange(entry);
    if (change === undefined) return;
    peer.confState = peer.node.applyConfChange(change, entry.index);
    if (isFirst) this.#confStates.push(peer.confState);
  }

  #checkRead({ context, index }: { context: string; index: number }): void {
    const committed = this.#reads.get(context);
    assert(committed !== undefined && index >= committed, `read ${context} at ${index} misses entry ${committed}`);
    this.confirmedReads.push({ context, index });
  }

  #check(peer: Peer): void {
    const { role, term } = peer.node.basicStatus();
    if (role !== 'leader' || this.#leaders.get(term) === peer.id) return;
    assert(!this.#leaders.has(term), `election safety: one leader in term ${term}`);
    this.#leaders.set(term, peer.id);
    for (let index = 1; index <= this.#highestApplied; index += 1) {
      const entry = this.#applied.get(index);
      assert(entry === undefined || this.hasOnDisk(peer, entry), `leader completeness: ${peer.id} has entry ${index}`);
    }
  }

  /** Log matching: where two logs have the same term at an index, they are the same up to there. */
  checkLogMatching(): void {
    for (const a of this.all) {
      for (const b of this.all) {
        const theirs = new Map(b.disk.entries.map((entry) => [entry.index, entry]));
        const common = a.disk.entries.findLastIndex(({ index, term }) => theirs.get(index)?.term === term);
        for (const entry of a.disk.entries.slice(0, common + 1)) {
          const other = theirs.get(entry.index);
          const isSame = other === undefined || Buffer.compare(other.data, entry.data) === 0;
          assert(isSame && (other?.term ?? entry.term) === entry.term, `log matching at entry ${entry.index}`);
        }
      }
    }
  }
}
