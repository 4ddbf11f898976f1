// The ways between processes. Between two places a way may be cut, in one direction or both; what is sent as a datagram
// is then lost, what is sent on a connection waits until the way is open again or the connection is given up.
import type { Random, Timeline } from 'raft-ts/simulation';
import type { SimulatedProcess } from './process.ts';

/** How often a connection whose way is cut is tried again. */
const RETRY_MS = 50;

/** A place: the region it is in, and what it is, such as `north/executor` or `south/guest/c-2`. */
export type Place = string;

export interface Cut {
  readonly from: (place: Place) => boolean;
  readonly to: (place: Place) => boolean;
}

export interface NetworkHabits {
  readonly localMs: number;
  readonly remoteMs: number;
  /** The mean of what comes on top. */
  readonly extraMs: number;
}

export class Network {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #habits: NetworkHabits;
  readonly #cuts = new Set<Cut>();
  readonly #slow = new Set<Cut & { readonly moreMs: number }>();

  constructor(timeline: Timeline, random: Random, habits: NetworkHabits) {
    this.#timeline = timeline;
    this.#random = random;
    this.#habits = habits;
  }

  get timeline(): Timeline {
    return this.#timeline;
  }

  cut(cut: Cut): () => void {
    this.#cuts.add(cut);
    return () => this.#cuts.delete(cut);
  }

  /** What is sent this way takes so much longer. */
  slow(way: Cut, moreMs: number): () => void {
    const slow = { ...way, moreMs };
    this.#slow.add(slow);
    return () => this.#slow.delete(slow);
  }

  calm(): void {
    this.#cuts.clear();
    this.#slow.clear();
  }

  isOpen(from: Place, to: Place): boolean {
    for (const cut of this.#cuts) if (cut.from(from) && cut.to(to)) return false;
    return true;
  }

  latencyMs(from: Place, to: Place): number {
    const isLocal = regionOf(from) === regionOf(to);
    const base = isLocal ? this.#habits.localMs : this.#habits.remoteMs;
    let moreMs = 0;
    for (const slow of this.#slow) if (slow.from(from) && slow.to(to)) moreMs += slow.moreMs;
    return base + moreMs - Math.log(1 - this.#random.next()) * this.#habits.extraMs;
  }

  /** Arrives, unless the way is cut when it does. */
  send(from: Place, to: Place, arrive: () => void): void {
    this.#timeline.after(this.latencyMs(from, to), () => {
      if (this.isOpen(from, to)) arrive();
    });
  }
}

export function regionOf(place: Place): string {
  return place.slice(0, place.indexOf('/'));
}

/** One direction of a connection: in order, and nothing lost until it is given up. */
class Direction {
  readonly #network: Network;
  readonly #from: Place;
  readonly #to: Place;
  readonly #queue: { readonly atMs: number; readonly arrive: () => void }[] = [];
  #lastMs = 0;
  #isWaiting = false;
  isClosed = false;

  constructor(network: Network, from: Place, to: Place) {
    this.#network = network;
    this.#from = from;
    this.#to = to;
  }

  send(arrive: () => void): void {
    if (this.isClosed) return;
    const { timeline } = this.#network;
    const atMs = Math.max(this.#lastMs, timeline.nowMs + this.#network.latencyMs(this.#from, this.#to));
    this.#lastMs = atMs;
    this.#queue.push({ atMs, arrive });
    this.#await(atMs);
  }

  #await(atMs: number): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#network.timeline.at(atMs, () => this.#arrive());
  }

  #arrive(): void {
    this.#isWaiting = false;
    const { timeline } = this.#network;
    if (this.isClosed) return;
    if (!this.#network.isOpen(this.#from, this.#to)) {
      if (this.#queue.length > 0) this.#await(timeline.nowMs + RETRY_MS);
      return;
    }
    while ((this.#queue[0]?.atMs ?? Number.POSITIVE_INFINITY) <= timeline.nowMs) this.#queue.shift()?.arrive();
    const next = this.#queue[0];
    if (next !== undefined) this.#await(next.atMs);
  }
}

export interface ConnectionEnd {
  readonly process: SimulatedProcess;
  /** The connection is over, as far as this end knows. */
  broken(): void;
}

/** A connection between two processes. An end that dies is noticed by the other, unless the way there is cut. */
export class Wire {
  readonly #ends: readonly [ConnectionEnd, ConnectionEnd];
  readonly #ways: readonly [Direction, Direction];
  readonly #isOver = [false, false];
  readonly #forget: (() => void)[];

  constructor(network: Network, near: ConnectionEnd, far: ConnectionEnd) {
    this.#ends = [near, far];
    const [from, to] = [near.process.place, far.process.place];
    this.#ways = [new Direction(network, from, to), new Direction(network, to, from)];
    this.#forget = this.#ends.map((end, at) => end.process.onEnd(() => this.close(at as 0 | 1)));
  }

  /** From the end of this number to the other. */
  send(from: 0 | 1, act: () => void): void {
    if (this.#isOver[from]) return;
    const to = (1 - from) as 0 | 1;
    this.#ways[from].send(() => this.#ends[to].process.deliver(() => (this.#isOver[to] ? undefined : act())));
  }

  /** This end lets go; the other is told, when the way is open. */
  close(from: 0 | 1): void {
    if (this.#isOver[from]) return;
    this.#isOver[from] = true;
    this.#forget[from]?.();
    const to = (1 - from) as 0 | 1;
    this.#ways[from].send(() => this.#ends[to].process.deliver(() => this.#break(to)));
  }

  #break(at: 0 | 1): void {
    if (this.#isOver[at]) return;
    this.#isOver[at] = true;
    this.#forget[at]?.();
    for (const way of this.#ways) way.isClosed = true;
    this.#ends[at].broken();
  }
}
