// The process of a replica that receives the log. It is a process of its own: it outlives a change of the settings until
// replay has caught up, and what it goes on to flush is acknowledged under its name.
import { Wire } from '../network.ts';
import type { SimulatedProcess } from '../process.ts';
import { WAL } from '../volume.ts';
import { type DataDirectory, historyName } from './data-directory.ts';
import type { DatabaseHost, DatabaseWorld } from './database-world.ts';
import type { Greeting, Sender, Senders, ToReplica } from './senders.ts';
import type { ServerSettings } from './settings.ts';

/** `wal_receiver_timeout`, `wal_receiver_status_interval`, `connect_timeout`. */
const TIMEOUT_MS = 3_000;
const STATUS_MS = 1_000;
const CONNECT_MS = 3_000;
const LOOK_MS = 500;

/** The server that sends to it. */
export interface UpstreamHost {
  readonly process: SimulatedProcess;
  readonly isAccepting: boolean;
  readonly host: DatabaseHost;
  readonly timeline: number;
  readonly senders: Senders;
}

/** The server that it is a process of. */
export interface ReceiverHost {
  readonly world: DatabaseWorld<UpstreamHost>;
  readonly process: SimulatedProcess;
  readonly host: DatabaseHost;
  readonly data: DataDirectory;
  readonly replayed: number;
  readonly timeline: number;
  misfits: number;
  historyOf(timeline: number): readonly { readonly timeline: number; readonly end: number }[];
  trace(what: string): void;
  complain(what: string): void;
  after(delayMs: number, act: () => void): void;
  flush(): void;
  receiverEnded(): void;
}

interface Upstream {
  readonly server: UpstreamHost;
  readonly sender: Sender;
}

export class Receiver {
  readonly pid: number;
  readonly conninfo: string;
  readonly #server: ReceiverHost;
  readonly #settings: ServerSettings;
  isStreaming = false;
  heardMs: number | undefined;
  #wire: Wire | undefined;
  #upstream: Upstream | undefined;
  #isOver = false;
  #told = 0;

  constructor(server: ReceiverHost, settings: ServerSettings) {
    this.#server = server;
    this.#settings = settings;
    this.conninfo = settings.conninfo;
    this.pid = server.host.nextPid();
    const { world } = server;
    server.after(world.random.between(2, 20), () => this.#connect());
  }

  /** Ends it. What of the next record is on its way may have been received in part. */
  end(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.isStreaming) this.#server.trace(`receives no more: ${why}`);
    // Before it goes it makes durable what it has written.
    const { data } = this.#server;
    data.flushed = data.records.length;
    this.#tear();
    this.#wire?.close(0);
    this.#server.receiverEnded();
  }

  #tear(): void {
    const { data, world } = this.#server;
    const next = this.#upstream?.server.host.volume.data?.records[data.records.length];
    if (!this.isStreaming || next === undefined || next.previous !== data.last) return;
    if (world.random.chance(world.habits.partialChance)) data.partial = next;
  }

  #connect(): void {
    if (this.#isOver) return;
    const { world, process } = this.#server;
    const address = this.#settings.upstream?.hostaddr ?? '';
    const place = `${world.placeOf(address)}/db`;
    const isThrough = world.network.isOpen(process.place, place) && world.network.isOpen(place, process.place);
    const upstream = world.serverAt(address);
    if (!isThrough) {
      this.#server.after(CONNECT_MS, () => this.end('no connection'));
      return;
    }
    if (upstream === undefined || !upstream.isAccepting) {
      this.end('connection refused');
      return;
    }
    const far = { process: upstream.process, broken: () => this.#lost(upstream) };
    const wire = new Wire(world.network, { process, broken: () => this.end('connection broken') }, far);
    this.#wire = wire;
    this.heardMs = undefined;
    const greeting = this.#greeting();
    wire.send(0, () => this.#greeted(upstream, wire, greeting));
    this.#watch();
  }

  #greeting(): Greeting {
    const { data, replayed } = this.#server;
    const { upstream, slot } = this.#settings;
    const end = data.endOf(data.records.length);
    return {
      ...{ name: upstream?.application_name ?? '', slot, systemId: data.systemId, end, last: data.last },
      timeline: this.#timelineAt(end),
      replayed: data.endOf(replayed),
    };
  }

  /** Of the byte after the log's end, on the way to the timeline that recovery aims at. */
  #timelineAt(end: number): number {
    const { timeline } = this.#server;
    return this.#server.historyOf(timeline).find((left) => end < left.end)?.timeline ?? timeline;
  }

  /** Runs at the other end. */
  #greeted(upstream: UpstreamHost, wire: Wire, greeting: Greeting): void {
    const histories = new Map<number, string>();
    const { files } = upstream.host.volume;
    for (let timeline = 2; timeline <= upstream.timeline; timeline += 1) {
      const text = files.get(`${WAL}/${historyName(timeline)}`);
      if (text !== undefined) histories.set(timeline, text);
    }
    const why = upstream.senders.refusal(greeting);
    const from = greeting.timeline;
    const newest = upstream.timeline;
    wire.send(1, () => this.#welcomed({ from, newest, histories, why }));
    if (why !== undefined) return;
    const sender = upstream.senders.begin(greeting, wire, (message) => this.#receive(message));
    this.#upstream = { server: upstream, sender };
  }

  #lost(upstream: UpstreamHost): void {
    const sender = this.#upstream?.sender;
    if (sender !== undefined) upstream.senders.end(sender.pid);
  }

  /** Histories that it lacks are fetched first; the first timeline that is missing there ends it. */
  #welcomed(found: {
    readonly from: number;
    readonly newest: number;
    readonly histories: ReadonlyMap<number, string>;
    readonly why: string | undefined;
  }): void {
    if (this.#isOver) return;
    this.heardMs = this.#server.world.timeline.nowMs;
    const { files } = this.#server.host.volume;
    for (let timeline = Math.max(2, found.from); timeline <= found.newest; timeline += 1) {
      const name = `${WAL}/${historyName(timeline)}`;
      if (files.has(name)) continue;
      const text = found.histories.get(timeline);
      if (text === undefined) {
        this.end(`the upstream has no history of timeline ${timeline}`);
        return;
      }
      files.set(name, text);
    }
    if (found.why !== undefined) {
      this.#server.complain(`cannot stream: ${found.why}`);
      this.end(found.why);
      return;
    }
    this.isStreaming = true;
    this.#server.trace(`streams as ${this.#settings.upstream?.application_name}`);
    this.#tellStatus();
  }

  #receive(message: ToReplica): void {
    if (this.#isOver) return;
    this.heardMs = this.#server.world.timeline.nowMs;
    if (message.kind === 'word') {
      this.#tell();
      return;
    }
    if (message.kind === 'end of timeline') {
      this.end('the timeline ends');
      return;
    }
    if (message.kind !== 'records') return;
    const { data } = this.#server;
    const [first] = message.records;
    const fits = first?.previous === data.last;
    if (message.isFitting && fits) {
      data.partial = undefined;
      for (const record of message.records) data.records.push(record);
      this.#server.flush();
      return;
    }
    // Written and flushed before anybody looks whether it goes on from what was there.
    const last = message.records.at(-1);
    this.#server.misfits += 1;
    if (last !== undefined) this.#tell(last.end);
    this.#server.after(50, () => this.end('invalid record length'));
  }

  /** What was received is on the disk. */
  flushed(): void {
    this.#tell();
  }

  #tell(end?: number): void {
    const upstream = this.#upstream;
    const wire = this.#wire;
    if (!this.isStreaming || upstream === undefined || wire === undefined || this.#isOver) return;
    const { data } = this.#server;
    const flushed = end ?? Math.max(this.#told, data.endOf(data.flushed));
    this.#told = flushed;
    wire.send(0, () => upstream.server.senders.answer(upstream.sender, flushed));
  }

  #tellStatus(): void {
    this.#server.after(STATUS_MS, () => {
      if (this.#isOver) return;
      this.#tell();
      this.#tellStatus();
    });
  }

  #watch(): void {
    this.#server.after(LOOK_MS, () => {
      if (this.#isOver) return;
      const { world } = this.#server;
      this.heardMs ??= world.timeline.nowMs;
      const silentMs = world.timeline.nowMs - this.heardMs;
      if (silentMs > TIMEOUT_MS) return this.end('the upstream says nothing');
      const upstream = this.#upstream;
      if (silentMs > TIMEOUT_MS / 2 && upstream !== undefined) {
        this.#wire?.send(0, () => upstream.server.senders.word(upstream.sender));
      }
      this.#watch();
    });
  }
}
