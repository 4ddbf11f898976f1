// One peer: a disk that lasts, and processes that come and go on it. The process is the real driver with the real log;
// what it gets of time, network and disk goes through here, so that it can be stopped, paused and killed anywhere.
import type { ConfState, Message } from '../core/messages.ts';
import type { Clock } from '../driver/clock.ts';
import type { RaftOptions, RaftSummary } from '../driver/options.ts';
import { Raft } from '../driver/raft.ts';
import { LogDamagedError, StorageFailedError } from '../errors.ts';
import { receiveSnapshot, sendSnapshot } from '../transport/snapshot-call.ts';
import type { Transport, TransportStart } from '../transport/transport.ts';
import { Violation } from './invariants.ts';
import { frameIn, PromisedLog, readPromises, snapshotIn } from './promised-log.ts';
import { newKind, RegisterMachine } from './register-machine.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { LossMode, SimulatedFile } from './simulated-file.ts';
import { SnapshotStream, type StreamEnd, type StreamHabits } from './snapshot-stream.ts';
import type { PeerOfWorld, PeerState, Surroundings } from './surroundings.ts';

interface UnsyncedFrame {
  readonly file: SimulatedFile;
  readonly data: Uint8Array;
}

export class SimulatedPeer implements PeerOfWorld {
  readonly id: number;
  readonly disk: SimulatedDisk;
  readonly #world: Surroundings;
  promised = new PromisedLog();
  /** What the disk owes while a process reads it, and has not made durable what it read. */
  #owed = this.promised;
  lastCommit = 0;
  lastApplied = 0;
  lastMembership: ConfState | undefined;
  state: PeerState = 'down';
  raft: Raft | undefined;
  machine: RegisterMachine | undefined;
  /** Whether a bit of its disk was flipped: then its disk may be refused. */
  isRotten = false;
  /** How fast its clock runs. */
  clockRate = 1;
  #process = 0;
  /** From then on its processes are of the later version, which can apply more. */
  readonly #upgradesAtMs: number;
  #knowsNew = false;
  #pausedUntilMs = 0;
  #started: TransportStart | undefined;
  /** Connections of the present process. */
  readonly #streams = new Set<SnapshotStream>();
  /** Frames that are written and not synced, in order. */
  #unsynced: UnsyncedFrame[] = [];
  /** Those of former processes: they may be there or not, until the next one has looked. */
  #lingering: UnsyncedFrame[] = [];

  constructor(id: number, world: Surroundings) {
    this.id = id;
    this.#world = world;
    const habits = world.habits.disks[id - 1];
    if (habits === undefined) throw new Error(`There is no disk for peer ${id}.`);
    this.#upgradesAtMs = world.habits.upgradesAtMs[id - 1] ?? 0;
    world.timeline.at(this.#upgradesAtMs, () => this.#upgrade());
    this.disk = new SimulatedDisk(world.timeline, world.random.fork(), habits, {
      wrote: (file, _name, _position, data) => this.#wrote(file, data),
      synced: (file) => this.#synced(file),
      syncedNames: (names) => {
        const found = names.map((name) => snapshotIn(this.disk, name)).filter((snapshot) => snapshot !== undefined);
        for (const snapshot of found) this.promised.snapshotted(snapshot);
        // By its name: what has rotted away since it was written is not what was removed.
        const snapshots = names.filter((name) => name.endsWith('.snapshot'));
        const newest = Math.max(0, ...snapshots.map((name) => Number.parseInt(name, 10)));
        this.#world.guard(() => this.#world.invariants.keepsSnapshot(this, newest));
      },
      failed: (what) => {
        world.counts[what === 'sync' ? 'fsyncErrors' : 'fullDisks'] += 1;
        world.trace(`${id} disk ${what}`);
      },
      notice: (what) => {
        world.trace(`${id} ${what}`);
        if (what === 'truncate') world.counts.tornTails += 1;
        world.notice(what, this);
      },
    });
  }

  get isPaused(): boolean {
    return this.#world.timeline.nowMs < this.#pausedUntilMs;
  }

  get summary(): RaftSummary | undefined {
    return this.raft?.summary();
  }

  /** Runs this in the process, if it is still there, and when it does not stand still. */
  #deliverTo(process: number, act: () => void): void {
    if (process !== this.#process) return;
    if (this.isPaused) {
      this.#world.timeline.at(this.#pausedUntilMs, () => this.#deliverTo(process, act));
      return;
    }
    this.#world.touched(this);
    act();
  }

  /** Runs this in the present process. Returns false when there is none. */
  deliver(act: () => void): boolean {
    if (this.state !== 'up') return false;
    this.#deliverTo(this.#process, act);
    return true;
  }

  receive(message: Message): void {
    this.#deliverTo(this.#process, () => {
      if (this.#started === undefined) return;
      this.#world.trace(`${this.id} got ${describe(message)}`);
      this.#started.receive(message);
      this.#world.notice(`got ${message.type}`, this);
    });
  }

  start(): void {
    if (this.state !== 'down') return;
    this.state = 'starting';
    this.#process += 1;
    const process = this.#process;
    this.#knowsNew = this.#world.timeline.nowMs >= this.#upgradesAtMs;
    this.#owed = this.promised;
    this.promised = readPromises(this.disk);
    this.lastCommit = 0;
    this.lastApplied = 0;
    this.#world.counts.restarts += 1;
    this.#world.trace(`${this.id} starts`);
    const isAlive = () => process === this.#process;
    this.machine = new RegisterMachine(this.#world.habits.ballastBytes, this.#knowsNew, {
      applied: (entry, chain, once) => {
        if (isAlive()) this.#world.guard(() => this.#world.invariants.applied(this, entry, chain, once));
      },
      restored: (index, chain) => {
        if (isAlive()) this.#world.guard(() => this.#world.invariants.restored(this, index, chain));
      },
      copied: () => this.#world.notice('saves its state', this),
    });
    Raft.open(this.#options(process, this.machine)).then(
      (raft) => isAlive() && this.#opened(raft),
      (error: Error) => isAlive() && this.#refused(error),
    );
  }

  #options(process: number, stateMachine: RegisterMachine): RaftOptions {
    const world = this.#world;
    const random = world.random.fork();
    const isAlive = () => process === this.#process;
    return {
      id: this.id,
      peers: world.peers.map(({ id }) => ({ id, address: `peer-${id}` })),
      directory: `/peer-${this.id}`,
      disk: this.disk.session(isAlive, (act) => this.#deliverTo(process, act)),
      clock: this.#clock(process),
      random: () => random.next(),
      transport: this.#transport(process),
      stateMachine,
      kinds: this.#knowsNew ? [newKind] : [],
      ...world.habits.settings,
      log: (event) => {
        if (!isAlive()) return;
        if (event.type === 'snapshot-taken') world.counts.snapshotsTaken += 1;
        if (event.type === 'snapshot-installed') world.counts.snapshotsInstalled += 1;
        if (event.type === 'leadership-given-up') world.counts.leadershipsGivenUp += 1;
      },
      onFatal: (error) => isAlive() && this.#died(error),
    };
  }

  #clock(process: number): Clock {
    const { timeline } = this.#world;
    const startedAtMs = timeline.nowMs;
    return {
      now: () => (timeline.nowMs - startedAtMs) * this.clockRate,
      setInterval: (callback, ms) => {
        const timer = { isCleared: false };
        const arm = () => {
          timeline.after(ms / this.clockRate, () => {
            this.#deliverTo(process, () => {
              if (timer.isCleared) return;
              callback();
              arm();
            });
          });
        };
        arm();
        return timer;
      },
      clearInterval: (timer) => {
        if (timer !== undefined) (timer as { isCleared: boolean }).isCleared = true;
      },
    };
  }

  #transport(process: number): Transport {
    const world = this.#world;
    return {
      start: (started) => {
        if (process === this.#process) this.#started = started;
      },
      send: (messages) => {
        for (const message of messages) {
          if (process !== this.#process) return;
          world.trace(`${this.id} sends ${describe(message)}`);
          world.guard(() => world.invariants.sends(this, message));
          world.network.send(message);
          world.notice(`sent ${message.type}`, this);
        }
      },
      ...(world.habits.streams === undefined ? {} : { sendSnapshot: this.#streaming(process, world.habits.streams) }),
      close: async () => {
        if (process === this.#process) this.#stopTransport();
      },
    };
  }

  #stopTransport(): void {
    this.#started = undefined;
    for (const stream of this.#streams) stream.break();
    this.#streams.clear();
  }

  /** What sends a snapshot piece by piece, with the code of the real transport. */
  #streaming(process: number, habits: StreamHabits): NonNullable<Transport['sendSnapshot']> {
    const world = this.#world;
    const { chunkBytes, windowChunks } = habits;
    const pace = { chunkBytes, windowBytes: chunkBytes * windowChunks, patienceMs: 5_000, clock: this.#clock(process) };
    return async (message, source, signal) => {
      const stream = new SnapshotStream(world, world.random.fork(), habits, this.#endOf(process), message.to);
      this.#streams.add(stream);
      const receiver = world.peers.find(({ id }) => id === message.to);
      stream.connect(() => receiver?.accept(stream, this.id));
      try {
        await sendSnapshot(stream.sender, message, source, signal, pace);
      } finally {
        this.#streams.delete(stream);
      }
    };
  }

  accept(stream: SnapshotStream, from: number): StreamEnd | undefined {
    const started = this.#started;
    if (started === undefined) return undefined;
    const end = this.#endOf(this.#process);
    this.#streams.add(stream);
    end.deliver(() => {
      void receiveSnapshot(stream.receiver, from, started).finally(() => this.#streams.delete(stream));
    });
    return end;
  }

  #endOf(process: number): StreamEnd {
    return {
      id: this.id,
      deliver: (act) => this.#deliverTo(process, act),
      notice: (what) => process === this.#process && this.#world.notice(what, this),
      trace: (what) => this.#world.trace(`${this.id} ${what}`),
    };
  }

  #opened(raft: Raft): void {
    this.raft = raft;
    this.state = 'up';
    const status = raft.summary();
    this.#world.trace(`${this.id} opened in term ${status.term} with entry ${status.lastIndex}`);
    this.#world.guard(() => {
      const found = this.promised;
      const isWhole = status.term >= found.hardState.term && status.lastIndex >= found.lastIndex;
      if (isWhole && this.#mayBe(found)) return;
      const owes = `term ${this.#owed.hardState.term} and entry ${this.#owed.lastIndex}`;
      throw new Violation(`peer ${this.id} owes ${owes}, and came back with ${status.term} and ${status.lastIndex}`);
    });
    this.#lingering = [];
  }

  /** What a sync confirmed is there; of what was written later, any beginning may be. */
  #mayBe(found: PromisedLog): boolean {
    const state = this.#owed.copy();
    if (state.isKeptBy(found)) return true;
    return this.#lingering.some(({ data }) => {
      const frame = frameIn(data);
      if (frame !== undefined) state.add(frame);
      return state.isKeptBy(found);
    });
  }

  #refused(error: Error): void {
    this.#world.trace(`${this.id} cannot start: ${error.name}`);
    const code = (error as NodeJS.ErrnoException).code ?? (error.cause as NodeJS.ErrnoException | undefined)?.code;
    this.#end();
    if (error instanceof LogDamagedError && this.isRotten) {
      this.state = 'out';
      this.#world.counts.refusedDisks += 1;
    } else if (code === 'EIO' || code === 'ENOSPC') this.#world.restartLater(this);
    else this.#world.violated(error);
  }

  #died(error: Error): void {
    this.#world.trace(`${this.id} died: ${error.name}`);
    const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
    const isExpected = error instanceof StorageFailedError && (code === 'EIO' || code === 'ENOSPC');
    if (!isExpected) this.#world.violated(error);
    this.kill();
  }

  #end(): void {
    this.disk.endSession();
    if (this.state === 'starting') this.promised = this.#owed;
    this.#lingering.push(...this.#unsynced);
    this.#unsynced = [];
    this.#process += 1;
    this.state = 'down';
    this.raft = undefined;
    this.machine = undefined;
    this.#stopTransport();
    this.#pausedUntilMs = 0;
  }

  /** Ends the process where it stands; the machine goes on, and what was written may yet become durable. */
  kill(): void {
    if (this.state === 'down' || this.state === 'out') return;
    this.#world.counts.crashes += 1;
    this.#world.trace(`${this.id} is killed`);
    this.#end();
    this.#world.restartLater(this);
  }

  losePower(mode?: LossMode): void {
    if (this.state === 'out') return;
    const { counts } = this.#world;
    if (this.state !== 'down') {
      counts.crashes += 1;
      this.#end();
      this.#world.restartLater(this);
    }
    counts.powerLosses += 1;
    const isLost = this.disk.losePower(mode);
    if (isLost) counts.unsyncedLosses += 1;
    this.#world.trace(`${this.id} loses power${isLost ? ' and what was not synced' : ''}`);
  }

  /** Ends the process in good order. */
  close(): void {
    const { raft } = this;
    const process = this.#process;
    if (raft === undefined || this.state !== 'up') return;
    this.#world.trace(`${this.id} closes`);
    this.state = 'closing';
    raft.close().then(
      () => {
        if (process !== this.#process) return;
        this.#end();
        this.#world.restartLater(this);
      },
      (error: Error) => process === this.#process && this.#world.violated(error),
    );
  }

  #upgrade(): void {
    if (this.#knowsNew || this.state === 'down' || this.state === 'out') return;
    this.close();
    this.#world.timeline.after(100, () => this.#upgrade());
  }

  pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#world.timeline.nowMs + ms);
  }

  resume(): void {
    this.#pausedUntilMs = 0;
  }

  #wrote(file: SimulatedFile, data: Uint8Array): void {
    const frame = frameIn(data);
    if (frame === undefined) return;
    this.#unsynced.push({ file, data });
    this.#world.guard(() => this.#world.invariants.wrote(this, frame));
  }

  #synced(file: SimulatedFile): void {
    for (const unsynced of this.#unsynced) {
      const frame = unsynced.file === file ? frameIn(unsynced.data) : undefined;
      if (frame !== undefined) this.promised.add(frame);
    }
    this.#unsynced = this.#unsynced.filter((other) => other.file !== file);
  }
}

function describe({ type, from, to, term, index, logTerm, entries, commit, reject, context }: Message): string {
  return `${type} ${from}>${to} t${term} ${index}/${logTerm} +${entries.length} c${commit}${reject ? ' no' : ''} ${context}`;
}
