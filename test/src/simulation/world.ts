// One seed's world: a federation with its regions, a cluster with its tenants, and whoever makes things go wrong, on one
// timeline. First the cluster is made; then everything may fail; then all faults end, and everything must come to rest.
import { ApiError, type Cluster, type Entry, type Operation, type RouteRequest } from '@argosy/gateway';
import { Random, Timeline, Trace } from 'raft-ts/simulation';
import { type CallWorld, invokeLate, type Server } from './calls.ts';
import { type Counts, noCounts } from './counts.ts';
import type { LogRecord } from './database/data-directory.ts';
import type { DatabaseServer } from './database/server.ts';
import type { Guest } from './guest.ts';
import { drawHabits, type Habits } from './habits.ts';
import { Invariants, Violation } from './invariants.ts';
import { Nemesis, type NemesisWorld } from './nemesis.ts';
import { Network } from './network.ts';
import { type PeerWorld, SimulatedPeer } from './peer.ts';
import { type RegionWorld, SimulatedRegion } from './region.ts';
import { Tenant } from './tenant.ts';

const REGIONS = ['north', 'south', 'west'] as const;
const FEDERATION = 'sim';
const PROJECT = 'project';
const MAKING_MS = 120_000;
const FAULTY_MS = 60_000;
const HEALING_MS = 240_000;
const QUIET_MS = 8_000;
const QUIETENING_MS = 60_000;
const DELETING_MS = 60_000;
const LOOK_MS = 250;

/** A call as it was begun. */
export interface RecordedCall {
  readonly method: string;
  readonly memberId: string;
  readonly request: unknown;
}

export class World implements PeerWorld, RegionWorld, NemesisWorld {
  readonly random: Random;
  readonly timeline = new Timeline();
  readonly habits2: Habits;
  readonly network: Network;
  readonly calls: CallWorld;
  readonly peers: readonly SimulatedPeer[];
  readonly regions: readonly SimulatedRegion[];
  readonly regionNames = REGIONS;
  readonly invariants: Invariants;
  readonly counts: Counts = noCounts();
  violation: Error | undefined;
  /** Of scripted worlds. */
  readonly recorded: RecordedCall[] = [];
  readonly #trace: Trace;
  readonly #nemesis: Nemesis;
  readonly #tenants: readonly Tenant[];
  #clusterId = '';
  #lastElected = 0;
  #ids = 0;
  #addresses = 0;
  #lastEntryMs = 0;

  constructor(seed: number, listener?: (line: string) => void, habits?: Habits) {
    this.#trace = new Trace(listener);
    this.random = new Random(seed);
    this.habits2 = habits ?? drawHabits(this.random);
    this.invariants = new Invariants(this.habits2.rpoSeconds);
    this.network = new Network(this.timeline, this.random.fork(), this.habits2.network);
    const [network, random] = [this.network, this.random.fork()];
    this.calls = {
      ...{ network, random, habits: this.habits2.calls, trace: (what) => this.trace(what) },
      ...(habits === undefined ? {} : { began: (method, request) => this.#record(method, request) }),
    };
    const peers: SimulatedPeer[] = [];
    this.peers = peers;
    for (const [at, region] of REGIONS.entries()) peers.push(new SimulatedPeer(at + 1, region, this));
    this.regions = REGIONS.map((name) => new SimulatedRegion(name, FEDERATION, this));
    for (const { heat } of this.regions) heat.failureChance = this.habits2.createFailureChance;
    this.#tenants = Array.from({ length: this.habits2.writers }, (_, at) => {
      return new Tenant(at + 1, this.random.pick(REGIONS), this);
    });
    this.#nemesis = new Nemesis(this);
    this.trace(JSON.stringify(this.habits2));
  }

  get habits(): Habits['database'] {
    return this.habits2.database;
  }

  readonly watcher = {
    acknowledged: (record: LogRecord, server: DatabaseServer): void =>
      this.#guard(() => this.invariants.commitTold(record, server, this.timeline.nowMs)),
    wasRead: (records: readonly LogRecord[], server: DatabaseServer): void =>
      this.#guard(() => this.invariants.rowsRead(records, server)),
    promoted: (server: DatabaseServer, timeline: number): void =>
      this.#guard(() => this.invariants.promoted(server, timeline)),
  };

  trace(what: string): void {
    this.#trace.add(this.timeline.nowMs, what);
  }

  finishTrace(): string {
    return this.#trace.finish();
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.failed(error as Error);
    }
  }

  failed(error: Error): void {
    if (this.violation === undefined) this.trace(`VIOLATION: ${error.message}`);
    this.violation ??= error;
    this.timeline.stop();
  }

  newId(): string {
    this.#ids += 1;
    return `id${this.#ids}`;
  }

  nextSystemId(): string {
    this.#ids += 1;
    return `7${String(this.#ids).padStart(18, '0')}`;
  }

  nextAddress(): string {
    this.#addresses += 1;
    return `10.0.0.${this.#addresses}`;
  }

  counted(what: 'acknowledged' | 'unknown' | 'reads'): void {
    this.counts[what] += 1;
  }

  guests(): Guest[] {
    return this.regions.flatMap(({ heat }) => heat.guests);
  }

  guestAt(address: string): Guest | undefined {
    return this.guests().find((guest) => guest.address === address);
  }

  serverAt(address: string): DatabaseServer | undefined {
    const server = this.guestAt(address)?.server;
    return server?.state === 'ended' ? undefined : server;
  }

  placeOf(address: string): string {
    return this.guestAt(address)?.place ?? 'nowhere/guest';
  }

  agentAt(address: string): Server | undefined {
    return this.guestAt(address)?.serving;
  }

  executorOf(region: string): Server | undefined {
    return this.regions.find(({ name }) => name === region)?.serving;
  }

  addresses(): readonly string[] {
    return this.guests().map(({ address }) => address);
  }

  /** As the leader has it, else whoever has applied most. */
  cluster(): Cluster | undefined {
    const states = this.peers.flatMap(({ replica }) => replica?.federation.cluster(this.#clusterId) ?? []);
    return this.#leader()?.replica?.federation.cluster(this.#clusterId) ?? states.sort((a, b) => b.epoch - a.epoch)[0];
  }

  /** The cluster's newest operation, as the leader has it. */
  operation(): Operation | undefined {
    const federation = this.#leader()?.replica?.federation;
    return federation?.operation(federation.cluster(this.#clusterId)?.operationId ?? '');
  }

  primaryGuest(): Guest | undefined {
    const cluster = this.cluster();
    return this.#guestOf(cluster?.primary);
  }

  #guestOf(ordinal: number | undefined): Guest | undefined {
    return this.guests().find(({ memberId }) => memberId === `${this.#clusterId}-${ordinal}`);
  }

  #leader(): SimulatedPeer | undefined {
    return this.peers.find(({ isLeading }) => isLeading);
  }

  applied(peer: SimulatedPeer, entry: Entry): void {
    if (peer.isLeading) this.trace(`applied ${JSON.stringify(entry)}`);
    this.#lastEntryMs = this.timeline.nowMs;
    const cluster = peer.replica?.federation.cluster(this.#clusterId);
    const elected = cluster?.lastElected;
    if (cluster === undefined || elected === undefined || elected.epoch < this.#lastElected) return;
    this.#lastElected = elected.epoch;
    const memberId = `${this.#clusterId}-${elected.ordinal}`;
    this.#guard(() => this.invariants.elected(elected.epoch, memberId, this.#guestOf(elected.ordinal)?.volume.data));
  }

  /** Lives through the whole seed, or up to the first violation. */
  async run(): Promise<void> {
    await this.make();
    for (const tenant of this.#tenants) tenant.start();
    this.#nemesis.start();
    await this.#live(this.timeline.nowMs + FAULTY_MS);
    await this.heal();
    for (const tenant of this.#tenants) tenant.stop();
    await this.#remove();
    this.counts.simulatedSeconds = this.timeline.nowMs / 1000;
    this.counts.elections = this.invariants.elections;
    this.counts.faults = this.#nemesis.faults;
    this.counts.events = this.#trace.lines;
    this.counts.operations = this.#leader()?.replica?.federation.operations().length ?? 0;
    for (const region of this.regions) region.close();
  }

  /** Brings the federation up and makes the cluster. */
  async make(replicas = 0): Promise<void> {
    for (const region of this.regions) region.start();
    for (const peer of this.peers) peer.start();
    await this.#until('the regions are heard', MAKING_MS, () => this.#hasRegions());
    await this.#request('clusters.create', {}, { cluster: wish(this.habits2, replicas) });
    await this.#until('the cluster is made', MAKING_MS, () => this.#isAtRest());
  }

  async live(ms: number): Promise<void> {
    await this.#live(this.timeline.nowMs + ms);
  }

  #record(method: string, request: unknown): void {
    const memberId = (request as { header?: { memberId?: string } }).header?.memberId ?? '';
    this.recorded.push({ method, memberId, request });
  }

  /** A command comes once more, to whatever agent. */
  repeat({ method, request }: RecordedCall, guest: Guest): void {
    this.trace(`script: ${method} comes again, to ${guest.memberId}`);
    if (guest.serving !== undefined) invokeLate(guest.serving, method, request, this.timeline);
  }

  change(body: object): void {
    this.#send('clusters.update', { id: this.#clusterId }, { cluster: body });
  }

  async #live(untilMs: number): Promise<void> {
    if (this.violation === undefined) await this.timeline.run(untilMs, () => undefined);
  }

  async #until(what: string, withinMs: number, isReached: () => boolean): Promise<void> {
    const deadlineMs = this.timeline.nowMs + withinMs;
    while (this.violation === undefined && !isReached()) {
      if (this.timeline.nowMs >= deadlineMs) {
        this.failed(new Violation(`${what}: not within ${withinMs} ms. ${this.#situation()}`));
        return;
      }
      await this.#live(this.timeline.nowMs + LOOK_MS);
    }
  }

  #hasRegions(): boolean {
    const federation = this.#leader()?.replica?.federation;
    const isUp = (name: string): boolean => federation?.region(name)?.status === 'UP';
    return REGIONS.every((name) => isUp(name) && (federation?.region(name)?.zones[0]?.freeMembers ?? 0) > 0);
  }

  /** Every operation has ended, and the cluster is as it shall be. */
  #isAtRest(): boolean {
    const federation = this.#leader()?.replica?.federation;
    const cluster = federation?.cluster(this.#clusterId);
    if (federation === undefined || cluster?.rule === undefined) return false;
    const { epoch, rule, opened, primary, members } = cluster;
    const isOpen = opened.epoch === epoch && opened.generation === rule.generation && primary !== undefined;
    const withData = members.filter(({ kind }) => kind !== 'arbiter');
    const areInForce = withData.every(({ facts }) => facts.epoch === epoch && facts.generation === rule.generation);
    const haveEnded = federation.operations().every(({ status }) => status !== 'RUNNING');
    return isOpen && areInForce && haveEnded && this.guests().length === members.length;
  }

  #situation(): string {
    const cluster = this.cluster();
    const federation = this.#leader()?.replica?.federation;
    const running = federation?.operations().filter(({ status }) => status === 'RUNNING') ?? [];
    const steps = running.map(({ kind, steps: all }) => {
      const open = all.filter(({ status }) => status !== 'DONE');
      return `${kind}: ${open.map(({ id, status, error }) => `${id} ${status} ${error ?? ''}`).join(', ')}`;
    });
    const members = cluster?.members.map(({ ordinal, facts, isRetired }) => {
      return `${ordinal}${isRetired ? ' retired' : ''} ${facts.role} ${facts.epoch}.${facts.generation}${facts.isAway === true ? ' away' : ''}`;
    });
    const where = `leader ${this.#leader()?.id}, epoch ${cluster?.epoch}, primary ${cluster?.primary}`;
    return `${where}; opened ${JSON.stringify(cluster?.opened)}; members ${members?.join(', ')}; ${steps.join('; ')}`;
  }

  /** Ends all faults, and waits until everything has come to rest. */
  async heal(): Promise<void> {
    this.trace('all faults end');
    this.#nemesis.stop();
    this.network.calm();
    for (const { heat } of this.regions) heat.failureChance = 0;
    await this.#until('everything comes to rest', HEALING_MS, () => this.#isAtRest());
    const beganMs = this.timeline.nowMs;
    await this.#until('every tenant writes again', 30_000, () =>
      this.#tenants.every(({ acknowledgedMs }) => acknowledgedMs > beganMs),
    );
    await this.#until(`${QUIET_MS} ms in which nothing is committed`, QUIETENING_MS, () => {
      return this.timeline.nowMs - this.#lastEntryMs > QUIET_MS;
    });
    this.#guard(() => this.#compare());
  }

  #compare(): void {
    for (const { memberId, volume } of this.guests()) {
      if (volume.data !== undefined) this.invariants.matching(memberId, volume.data);
    }
    const primary = this.primaryGuest();
    if (primary !== undefined) this.invariants.finallyWhole(primary.memberId, primary.volume.data);
  }

  async #remove(): Promise<void> {
    if (this.violation !== undefined) return;
    await this.#request('clusters.delete', { id: this.#clusterId }, undefined);
    await this.#until('nothing is left', DELETING_MS, () => {
      const federation = this.#leader()?.replica?.federation;
      return federation?.cluster(this.#clusterId) === undefined && this.guests().length === 0;
    });
  }

  /** As a client of the leader, and waits a little. */
  async #request(name: string, parameters: Readonly<Record<string, string>>, body: unknown): Promise<void> {
    this.#send(name, parameters, body);
    await this.#live(this.timeline.nowMs + LOOK_MS);
  }

  #send(name: string, parameters: Readonly<Record<string, string>>, body: unknown): void {
    const leader = this.#leader();
    const route = leader?.routes.find((candidate) => candidate.name === name);
    if (leader?.process === undefined || route === undefined) return;
    this.trace(`asks ${name} ${JSON.stringify(body ?? {})}`);
    const request: RouteRequest = {
      ...{ route: name, headers: {}, caller: CALLER, requestId: this.newId(), parameters, query: {} },
      body,
    };
    Promise.resolve()
      .then(() => route.handle(request))
      .then(
        ({ body: answer }) => {
          const id = (answer as { cluster?: { id?: string } } | undefined)?.cluster?.id;
          if (name === 'clusters.create' && id !== undefined) this.#clusterId = id;
        },
        (error: Error) => {
          this.trace(`refused: ${error.message}`);
          if (!(error instanceof ApiError) && !/Raft|Leader|Proposal|Closed/.test(error.name)) this.failed(error);
        },
      );
  }

  ask(change: string): void {
    const cluster = this.cluster();
    if (cluster === undefined) return;
    const id = this.#clusterId;
    const { random } = this;
    const others = cluster.members.filter(({ ordinal, kind }) => ordinal !== cluster.primary && kind === 'voter');
    const target = /^switchover to (\d+)$/.exec(change)?.[1];
    if (target !== undefined) this.#send('clusters.switchover', { id }, { to: `${id}-${target}` });
    else if (change === 'switchover' && others.length > 0) {
      this.#send('clusters.switchover', { id }, { to: `${id}-${random.pick(others).ordinal}` });
    } else if (change === 'failover') this.#send('clusters.failover', { id }, {});
    else if (change === 'password') this.#send('clusters.credentials', { id }, undefined);
    else if (change === 'voters') {
      this.change({ topology: { voters: random.pick([1, 2, 3, 3, 4, 5, 5]) }, placement: { survive: 'host' } });
    } else if (change === 'regions') {
      this.change({ placement: { survive: 'host', regions: random.sample(REGIONS, random.pick([2, 3])) } });
    } else if (change === 'flavor') this.change({ flavor: cluster.spec.flavor === 'small' ? 'large' : 'small' });
  }
}

const CALLER = {
  userId: 'user',
  userName: 'demo',
  projectId: PROJECT,
  projectName: 'demo',
  roles: ['member', 'reader'],
};

function wish({ voters, rpoSeconds }: Habits, replicas: number) {
  const isAsync = rpoSeconds !== undefined;
  const arbiters = isAsync && voters % 2 === 0 ? 1 : 0;
  return {
    ...{ name: 'orders', datastore: { type: 'postgresql' } },
    topology: { voters, replicas, arbiters },
    ...(isAsync ? { durability: { mode: 'async', rpo_seconds: rpoSeconds } } : {}),
    placement: { survive: voters <= 3 && voters > 1 ? (voters === 2 ? 'host' : 'region') : 'zone' },
  };
}
