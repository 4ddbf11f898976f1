// One seed's world: a whole cluster, its clients and whoever makes things go wrong, on one timeline. First everything
// may fail, and nothing may be lost or contradicted; then all faults end, and the cluster must get on.
import type { RegisterOperation } from '../checker/register.ts';
import { ClosedError, NotLeaderError, ProposalRefusedError, ProposalUnknownError } from '../errors.ts';
import type { Asker } from './asker.ts';
import { Client } from './client.ts';
import { Convalescence } from './convalescence.ts';
import { type Counts, noCounts } from './coverage.ts';
import { drawHabits, type Habits } from './habits.ts';
import { Invariants, Violation } from './invariants.ts';
import { Nemesis } from './nemesis.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { SessionClient } from './session-client.ts';
import { SimulatedPeer } from './simulated-peer.ts';
import type { PeerOfWorld } from './surroundings.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';

/** How long things may go wrong. */
const faultyMs = 50_000;
/** How much longer, until the seed has seen what every seed must see. */
const longestFaultyMs = 240_000;
/** What a seed lasts at least. */
const shortestMs = 60_000;
/** After the faults have ended, the cluster must be well within this. */
const healingMs = 90_000;
const leastFaults = 3;
const expectedRefusals = [NotLeaderError, ProposalRefusedError, ProposalUnknownError, ClosedError];

export class World {
  readonly seed: number;
  readonly random: Random;
  readonly timeline = new Timeline();
  readonly habits: Habits;
  readonly counts: Counts = noCounts();
  readonly peers: readonly SimulatedPeer[];
  readonly network: Network;
  readonly invariants: Invariants;
  readonly history: RegisterOperation[] = [];
  violation: Error | undefined;
  readonly #trace: Trace;
  readonly #nemesis: Nemesis;
  readonly #clients: readonly Asker[];
  readonly #touched = new Set<SimulatedPeer>();
  #lure: { peer: PeerOfWorld | undefined; untilMs: number } = { peer: undefined, untilMs: 0 };
  #isHealing = false;
  #values = 0;
  #moments = 0;

  constructor(seed: number, listener?: (line: string) => void) {
    this.seed = seed;
    this.#trace = new Trace(listener);
    this.random = new Random(seed);
    this.habits = drawHabits(this.random);
    const ids = Array.from({ length: this.habits.peerCount }, (_, at) => at + 1);
    this.peers = ids.map((id) => new SimulatedPeer(id, this));
    this.peers.forEach((peer, at) => {
      peer.clockRate = this.habits.clockRates[at] ?? 1;
    });
    this.invariants = new Invariants(this.peers);
    this.network = new Network(this.timeline, this.random.fork(), this.habits.network, this.counts, (message) =>
      this.peers[message.to - 1]?.receive(message),
    );
    this.#nemesis = new Nemesis(this);
    const { clientCount, sessionClientCount } = this.habits;
    this.#clients = Array.from({ length: clientCount }, (_, at) => {
      return at < clientCount - sessionClientCount ? new Client(at + 1, this) : new SessionClient(at + 1, this);
    });
    this.trace(JSON.stringify(this.habits));
  }

  trace(what: string): void {
    this.#trace.add(this.timeline.nowMs, what);
  }

  get traceLines(): number {
    return this.#trace.lines;
  }

  /** Ends the trace. */
  finishTrace(): string {
    return this.#trace.finish();
  }

  get electionMs(): number {
    const { tickMs = 1, electionTicks = 1 } = this.habits.settings;
    return tickMs * electionTicks;
  }

  /** A value that was never written before. */
  nextValue(): number {
    this.#values += 1;
    return this.#values;
  }

  /** Later than every moment before. */
  nextMoment(): number {
    this.#moments += 1;
    return this.#moments;
  }

  record(operation: RegisterOperation): void {
    this.history.push(operation);
    this.counts.operations += 1;
    if (operation.answer === undefined) this.counts.unknownOperations += 1;
  }

  guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.violated(error as Error);
    }
  }

  violated(error: Error): void {
    this.violation ??= error;
    this.timeline.stop();
  }

  touched(peer: SimulatedPeer): void {
    this.#touched.add(peer);
  }

  notice(what: string, peer: SimulatedPeer): void {
    this.#nemesis.notice(what, peer);
  }

  leader(): SimulatedPeer | undefined {
    return this.peers.find((peer) => peer.raft?.summary().role === 'leader');
  }

  askLeader(
    counter: 'membershipChanges' | 'transfers',
    ask: (leader: SimulatedPeer) => Promise<unknown> | undefined,
  ): void {
    const leader = this.leader();
    leader?.deliver(() => {
      ask(leader)?.then(
        () => {
          this.trace(`${leader.id} has done what it was asked: ${counter}`);
          this.counts[counter] += 1;
        },
        (error: Error) => {
          if (!expectedRefusals.some((refusal) => error instanceof refusal)) this.violated(error);
        },
      );
    });
  }

  lure(peer: PeerOfWorld, ms: number): void {
    this.#lure = { peer, untilMs: this.timeline.nowMs + ms };
  }

  get lured(): PeerOfWorld | undefined {
    return this.timeline.nowMs < this.#lure.untilMs ? this.#lure.peer : undefined;
  }

  restartLater(peer: SimulatedPeer): void {
    const meanMs = this.#isHealing ? 100 : this.habits.meanDownMs;
    this.timeline.after(meanMs * this.random.between(0.1, 1.9), () => peer.start());
  }

  /** Lives through the whole seed, or up to the first violation. */
  async run(): Promise<void> {
    for (const peer of this.peers) peer.start();
    for (const client of this.#clients) client.start();
    this.#nemesis.start();
    await this.#live(faultyMs * 0.6);
    while (this.violation === undefined && this.timeline.nowMs < longestFaultyMs) {
      const isSeen = this.#nemesis.faultCount >= leastFaults && this.counts.unsyncedLosses > 0;
      if (isSeen && this.timeline.nowMs >= faultyMs) break;
      if (!isSeen) this.#nemesis.demandUnsyncedLoss();
      await this.#live(this.timeline.nowMs + 500);
    }
    this.#nemesis.lastBlow();
    await this.#live(this.timeline.nowMs + this.electionMs * this.random.between(0.5, 4));
    await this.#heal();
    this.counts.simulatedSeconds = this.timeline.nowMs / 1000;
    this.counts.elections = this.invariants.leaderCount;
    this.counts.repeatsPassedOver = this.invariants.repeatsPassedOver;
    this.counts.events = this.traceLines;
  }

  async #live(untilMs: number): Promise<void> {
    if (this.violation === undefined) await this.timeline.run(untilMs, () => this.#check());
  }

  #check(): void {
    for (const peer of this.#touched) {
      const { raft } = peer;
      if (raft === undefined) continue;
      const before = this.invariants.leaderCount;
      this.guard(() => this.invariants.check(peer, raft.summary()));
      if (this.invariants.leaderCount > before) {
        this.trace(`${peer.id} leads in term ${raft.summary().term}`);
        this.notice('leads', peer);
      }
    }
    this.#touched.clear();
  }

  async #heal(): Promise<void> {
    this.trace('all faults end');
    this.#isHealing = true;
    this.#nemesis.stop();
    this.network.calm();
    for (const peer of this.peers) {
      peer.resume();
      peer.disk.isFull = false;
      peer.disk.slowness = 1;
      peer.disk.failingSyncs = 0;
      peer.disk.stall = undefined;
      peer.start();
    }
    const deadlineMs = this.timeline.nowMs + healingMs;
    const recovery = new Convalescence(this);
    while (this.violation === undefined && (!recovery.isWell() || this.timeline.nowMs < shortestMs)) {
      if (this.timeline.nowMs >= deadlineMs) {
        const states = this.peers.map(({ id, state, raft }) => {
          const { role, term, commitIndex, appliedIndex, lastIndex } = raft?.summary() ?? {};
          return `${id} ${state} ${role} t${term} c${commitIndex} a${appliedIndex} l${lastIndex}`;
        });
        this.violated(new Violation(`no progress in ${healingMs} ms after all faults ended: ${states.join('; ')}`));
        return;
      }
      await this.#live(this.timeline.nowMs + 200);
    }
    for (const client of this.#clients) client.stop();
  }
}
