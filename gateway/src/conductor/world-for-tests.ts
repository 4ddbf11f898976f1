// A small seeded world around the real conductor: time that passes only when it is told to, regions that keep stacks in
// memory and fail as they are told to, and a log that commits at once or not at all.
import { Buffer } from 'node:buffer';
import { setImmediate } from 'node:timers/promises';
import type {
  Clock,
  CommandMemberRequest,
  CommandMemberResponse,
  EnsureMemberRequest,
  EnsureMemberResponse,
  RemoveMemberRequest,
  Timer,
} from '@argosy/proto';
import type { CandidateSite } from '../placement/place.ts';
import type { Cluster } from '../state/clusters.ts';
import type { Applied, EntryBody } from '../state/entries.ts';
import { Federation } from '../state/federation.ts';
import type { WantedMember } from '../state/spec.ts';
import { Conductor } from './conductor.ts';
import type { CommandOptions, RegionCommands } from './region-link.ts';
import type { Witness, Witnesses } from './suspicion.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
/** Turns of the event loop after which everything that can happen without time passing has happened. */
const SETTLE_TURNS = 40;
const START_POSITION = { epoch: 1, value: '0/3000000' };
const MAX_ADVANCES = 2_000;

/** A pseudo-random sequence in [0, 1) (mulberry32). */
export function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class TestClock implements Clock {
  #nowMs = 0;
  #timers: { at: number; call: () => void }[] = [];

  now(): Date {
    return new Date(START + this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void): Timer {
    const timer = { at: this.#nowMs + delayMs, call };
    this.#timers.push(timer);
    return { cancel: () => (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  /** Goes to the next timer and calls it. False when none is set. */
  advance(): boolean {
    const next = this.#timers.sort((left, right) => left.at - right.at).shift();
    if (next === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, next.at);
    next.call();
    return true;
  }
}

export class GrpcFailure extends Error {
  readonly code: number;
  readonly details: string;

  constructor(code: number, details: string) {
    super(details);
    this.code = code;
    this.details = details;
  }
}

/** Called before each command; what it throws is what the command answers. */
export type Fault = (command: string, member: string) => void;

class TestRegion implements RegionCommands {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  async ensureMember({ member }: EnsureMemberRequest, options: CommandOptions): Promise<EnsureMemberResponse> {
    const id = member?.memberId ?? '';
    await this.#world.take('ensure', id, options.signal);
    this.#world.stacks.add(id);
    return {
      peer: { memberId: id, kind: member?.kind ?? 0, address: `10.0.0.${id}`, port: 5432, serverName: id },
      stackId: `stack-${id}`,
      flavor: member?.flavor ?? '',
      volumeGib: member?.volumeGib ?? 0,
    };
  }

  async removeMember({ header }: RemoveMemberRequest, options: CommandOptions): Promise<void> {
    await this.#world.take('remove', header?.memberId ?? '', options.signal);
    this.#world.stacks.delete(header?.memberId ?? '');
  }

  async commandMember({ command }: CommandMemberRequest, options: CommandOptions): Promise<CommandMemberResponse> {
    await this.#world.take(command?.$case ?? '', command?.value.header?.memberId ?? '', options.signal);
    if (command?.$case === 'promise') {
      const id = command.value.header?.memberId ?? '';
      return { answer: { $case: 'promise', value: { position: this.#world.positions.get(id) ?? START_POSITION } } };
    }
    return { answer: undefined };
  }
}

export class World {
  readonly clock = new TestClock();
  readonly federation = new Federation();
  readonly stacks = new Set<string>();
  /** Every command that was carried out, in order. */
  readonly commands: string[] = [];
  /** How far the members' logs reach; all the same where nothing is said. */
  readonly positions = new Map<string, { epoch: number; value: string }>();
  /** Whose agents do not answer. */
  readonly silent = new Set<string>();
  fault: Fault = () => undefined;
  sites: CandidateSite[] = ['north', 'south', 'west'].flatMap((region) =>
    ['a', 'b'].map((zone) => ({
      region,
      zone: `${region}-${zone}`,
      provider: region,
      jurisdiction: 'EU',
      freeMembers: 5,
    })),
  );
  readonly #random: () => number;
  #conductor: Conductor | undefined;
  #term = 0;

  constructor(seed = 1) {
    this.#random = sequence(seed);
  }

  /** A new leader takes over; the old one, if any, is dead in the middle of whatever it did. */
  elect(): void {
    this.#conductor?.stop();
    this.#term += 1;
    const term = this.#term;
    this.#conductor = new Conductor({
      federation: this.federation,
      propose: (entry) => this.#propose(entry, term),
      region: () => new TestRegion(this),
      sites: () => this.sites,
      clock: this.clock,
      term,
      log: () => undefined,
    });
    this.#conductor.start();
  }

  /** The leader hears a region again. */
  regionReturned(region: string): void {
    this.#conductor?.regionReturned(region);
  }

  create(members: readonly WantedMember[]): void {
    this.commit({
      kind: 'cluster.created',
      clusterId: 'c',
      operationId: 'create',
      operationKind: 'cluster.create',
      name: 'orders',
      projectId: 'p',
      spec: {
        datastore: { type: 'postgresql', version: '15' },
        flavor: 'small',
        volume: { size: 1 },
        topology: { voters: members.length, replicas: 0, arbiters: 0 },
        placement: { survive: members.length < 3 ? 'host' : 'region', regions: [], residency: [] },
        durability: { mode: 'quorum' },
      },
      members,
      admin: { name: 'admin', database: 'admin', verifier: '', generation: 1 },
      requestId: 'req-1',
      steps: [],
    });
  }

  remove(): void {
    this.commit({
      kind: 'cluster.unwanted',
      clusterId: 'c',
      operationId: 'delete',
      operationKind: 'cluster.delete',
      requestId: 'req-2',
      steps: [],
    });
  }

  /** As those who answer tell: each hears the primary that the state knows. */
  witnesses({ id, epoch, members }: Cluster): Witnesses {
    const report = { ageMs: 0, epoch, role: 'replica', isUp: true, downForMs: 0 } as const;
    return new Map(
      members.map(({ ordinal }): [number, Witness] =>
        this.silent.has(`${id}-${ordinal}`)
          ? [ordinal, { agent: 'unreachable', agentForMs: 60_000 }]
          : [ordinal, { agent: 'reachable', agentForMs: 60_000, report }],
      ),
    );
  }

  get cluster(): Cluster | undefined {
    return this.federation.cluster('c');
  }

  commit(entry: EntryBody): Applied {
    // Through bytes, as the log would have it.
    const bytes = Buffer.from(JSON.stringify({ at: this.clock.now().toISOString(), ...entry }));
    const applied = this.federation.apply(JSON.parse(bytes.toString()));
    const clusterId = 'clusterId' in entry ? entry.clusterId : clusterOf(entry, this.federation);
    queueMicrotask(() => this.#conductor?.look(clusterId));
    return applied;
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await setImmediate();
  }

  /** Lets time pass until the condition holds. @throws Error when nothing would ever happen again */
  async until(isReached: () => boolean): Promise<void> {
    for (let count = 0; count < MAX_ADVANCES; count += 1) {
      await this.settle();
      if (isReached()) return;
      if (!this.clock.advance()) throw new Error('Nothing will happen any more.');
    }
    throw new Error('It took too long.');
  }

  async take(command: string, member: string, signal: AbortSignal): Promise<void> {
    const turns = Math.floor(this.#random() * 4);
    for (let turn = 0; turn <= turns; turn += 1) await setImmediate();
    if (signal.aborted) throw new GrpcFailure(1, 'Cancelled.');
    this.fault(command, member);
    this.commands.push(`${command} ${member}`);
  }

  async #propose(entry: EntryBody, term: number): Promise<Applied> {
    await setImmediate();
    if (term !== this.#term) throw new Error('This peer leads no more.');
    return this.commit(entry);
  }
}

function clusterOf(entry: EntryBody, federation: Federation): string {
  const operation = 'operationId' in entry ? federation.operation(entry.operationId) : undefined;
  return operation?.clusterId ?? 'c';
}

export const threeVoters: readonly WantedMember[] = [
  { ordinal: 1, kind: 'voter', region: 'north', zone: 'north-a' },
  { ordinal: 2, kind: 'voter', region: 'south', zone: 'south-a' },
  { ordinal: 3, kind: 'voter', region: 'west', zone: 'west-a' },
];
