// A gateway peer: the real replica (state, Raft with its log, conductor, what watches over failures) and the real routes,
// on a simulated disk and network.
import { datastores } from '@argosy/datastores';
import { clusterRoutes, type Entry, type RegionWire, Replica, type Route } from '@argosy/gateway';
import type { CommandMemberResponse, EnsureMemberResponse, ObserveResponse, RemoveMemberResponse } from '@argosy/proto';
import type { Message, Transport, TransportStart } from 'raft-ts';
import { type Random, SimulatedDisk } from 'raft-ts/simulation';
import { type CallWorld, ClientStream, type Server, unary } from './calls.ts';
import type { GuestWorld } from './guest.ts';
import { SimulatedProcess } from './process.ts';

export interface PeerWorld extends GuestWorld {
  readonly calls: CallWorld;
  readonly peers: readonly SimulatedPeer[];
  readonly regionNames: readonly string[];
  executorOf(region: string): Server | undefined;
  newId(): string;
  applied(peer: SimulatedPeer, entry: Entry): void;
}

export class SimulatedPeer {
  readonly id: number;
  readonly region: string;
  readonly disk: SimulatedDisk;
  process: SimulatedProcess | undefined;
  replica: Replica | undefined;
  routes: readonly Route[] = [];
  readonly #world: PeerWorld;
  readonly #random: Random;
  #transport: TransportStart | undefined;

  constructor(id: number, region: string, world: PeerWorld) {
    this.id = id;
    this.region = region;
    this.#world = world;
    this.#random = world.random.fork();
    const none = (): void => undefined;
    const watcher = { wrote: none, synced: none, syncedNames: none, failed: none, notice: none };
    const habits = { sectorBytes: 512, writeMs: 0.1, syncMs: 1.5 } as const;
    this.disk = new SimulatedDisk(world.timeline, world.random.fork(), habits, watcher);
  }

  get place(): string {
    return `${this.region}/gateway`;
  }

  get isLeading(): boolean {
    return this.process?.isAlive === true && this.replica?.leadership !== undefined;
  }

  start(): void {
    if (this.process?.isAlive === true) return;
    const process = new SimulatedProcess(`peer:${this.id}`, this.place, this.#world.timeline);
    this.process = process;
    this.#world.trace(`${process.name} starts`);
    const replica = new Replica({ applied: (entry) => this.#applied(process, entry) });
    this.replica = replica;
    this.routes = this.#routes(replica);
    replica.open(this.#options(process)).catch((error: Error) => {
      if (process.isAlive) this.#world.failed(error);
    });
  }

  kill(): void {
    if (this.process?.isAlive !== true) return;
    this.#world.trace(`${this.process.name} is killed`);
    this.process.kill();
    this.#transport = undefined;
    this.disk.endSession();
    this.replica = undefined;
  }

  losePower(): void {
    this.kill();
    this.disk.losePower();
  }

  receive(message: Message): void {
    this.process?.deliver(() => this.#transport?.receive(message));
  }

  #applied(process: SimulatedProcess, entry: Entry): void {
    if (process.isAlive) this.#world.applied(this, entry);
  }

  #routes(replica: Replica): Route[] {
    const { federation } = replica;
    return clusterRoutes({
      ...{ federation, datastores, newId: () => this.#world.newId(), quotas: { reserve: () => () => undefined } },
      propose: (entry) => replica.propose(entry),
      sites: (flavor) => replica.leadership?.sites(flavor) ?? [],
      network: () => replica.leadership?.network(),
      witnesses: (cluster) => replica.leadership?.witnesses(cluster) ?? new Map(),
      hear: async () => new Map(),
      randomBytes: (size: number) => Buffer.alloc(size, 7),
    });
  }

  #options(process: SimulatedProcess): Parameters<Replica['open']>[0] {
    const world = this.#world;
    const alive = (): boolean => process.isAlive;
    return {
      raft: {
        id: this.id,
        peers: world.peers.map(({ id }) => ({ id, address: `peer-${id}` })),
        directory: `/peer-${this.id}`,
        disk: this.disk.session(alive, (act) => process.deliver(act)),
        clock: raftClock(process),
        random: () => this.#random.next(),
        transport: this.#raftTransport(process),
      },
      leadership: {
        regions: world.regionNames.map((name) => ({ name, executors: [`${name}:1`] })),
        link: ({ name }) => this.#link(process, name),
        newId: () => world.newId(),
      },
      clock: process.clock,
      log: (event) => {
        if (alive() && !event.message.startsWith('raft')) world.trace(`${process.name} ${JSON.stringify(event)}`);
      },
      onFatal: (error) => alive() && world.failed(error),
    };
  }

  #raftTransport(process: SimulatedProcess): Transport {
    const { network, peers } = this.#world;
    return {
      start: (started) => {
        if (process.isAlive) this.#transport = started;
      },
      send: (messages) => {
        if (!process.isAlive) return;
        for (const message of messages) {
          const to = peers.find(({ id }) => id === message.to);
          if (to !== undefined) network.send(this.place, to.place, () => to.receive(message));
        }
      },
      close: async () => {
        if (process === this.process) this.#transport = undefined;
      },
    };
  }

  #link(from: SimulatedProcess, region: string): RegionWire {
    const world = this.#world;
    const to = (): Server | undefined => world.executorOf(region);
    const toPlace = `${region}/executor`;
    const call = <Response>(
      method: string,
      request: object,
      options: { readonly timeoutMs: number; readonly signal: AbortSignal },
    ): Promise<Response> =>
      new Promise((resolve, reject) => {
        const deadline = new Date(from.clock.now().getTime() + options.timeoutMs);
        const calling = unary(world.calls, { from, to, toPlace, method, request, deadline }, (error, response) => {
          if (error === null) resolve(response as Response);
          else reject(error);
        });
        if (options.signal.aborted) calling.cancel();
        else options.signal.addEventListener('abort', () => calling.cancel(), { once: true });
      });
    return {
      ensureMember: (request, options) => call<EnsureMemberResponse>('ensureMember', request, options),
      removeMember: async (request, options) => {
        await call<RemoveMemberResponse>('removeMember', request, options);
      },
      commandMember: (request, options) => call<CommandMemberResponse>('commandMember', request, options),
      observe: (signal) =>
        observe(new ClientStream(world.calls, { from, to, toPlace, method: 'observe', request: {} }), signal),
      close: () => undefined,
    };
  }
}

async function* observe(stream: ClientStream, signal: AbortSignal): AsyncGenerator<ObserveResponse> {
  const waiting: (ObserveResponse | Error | undefined)[] = [];
  let wake: () => void = () => undefined;
  const push = (what: ObserveResponse | Error | undefined): void => {
    waiting.push(what);
    wake();
  };
  stream.on('data', push);
  stream.on('error', push);
  stream.on('end', () => push(undefined));
  const onAbort = (): void => push(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      while (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const what = waiting.shift();
      if (what === undefined) return;
      if (what instanceof Error) throw what;
      yield what;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream.cancel();
  }
}

function raftClock(process: SimulatedProcess): Parameters<Replica['open']>[0]['raft']['clock'] {
  const { clock } = process;
  return {
    now: () => clock.monotonicMs(),
    setInterval: (callback, ms) => {
      const timer = { isCleared: false };
      const arm = (): void => {
        clock.after(ms, () => {
          if (timer.isCleared) return;
          callback();
          arm();
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
