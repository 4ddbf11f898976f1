// The network between peers: it loses, repeats, delays and reorders, and links fail in one direction or in both.
import type { Message } from '../core/messages.ts';
import { decodeMessage, encodeMessage } from '../transport/wire.ts';
import type { Counts } from './coverage.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

export interface NetworkHabits {
  readonly lossRate: number;
  readonly repeatRate: number;
  readonly minimumMs: number;
  readonly meanExtraMs: number;
  /** As a stream does; otherwise each message goes its own way. */
  readonly keepsOrder: boolean;
  /** Messages are encoded and decoded as the real transport does it. */
  readonly usesWire: boolean;
}

/** Between two messages that were held back. */
const releaseMs = 0.5;

export class Network {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #habits: NetworkHabits;
  readonly #counts: Counts;
  readonly #deliver: (message: Message) => void;
  readonly #cut = new Set<string>();
  readonly #cloggedUntilMs = new Map<string, number>();
  readonly #lastArrivalMs = new Map<string, number>();
  /** What has arrived on links that are held, in order. */
  readonly #held = new Map<string, (() => void)[]>();
  #isCalm = false;

  constructor(
    timeline: Timeline,
    random: Random,
    habits: NetworkHabits,
    counts: Counts,
    deliver: (message: Message) => void,
  ) {
    this.#timeline = timeline;
    this.#random = random;
    this.#habits = habits;
    this.#counts = counts;
    this.#deliver = deliver;
  }

  /** Loses everything from one peer to another until it is healed. */
  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  clog(from: number, to: number, ms: number): void {
    this.#cloggedUntilMs.set(`${from}>${to}`, this.#timeline.nowMs + ms);
  }

  /** Nothing arrives until `release`, and then all of it does, one by one. */
  hold(from: number, to: number): void {
    const link = `${from}>${to}`;
    if (!this.#held.has(link)) this.#held.set(link, []);
  }

  release(from: number, to: number): void {
    const link = `${from}>${to}`;
    const held = this.#held.get(link) ?? [];
    this.#held.delete(link);
    held.forEach((arrive, at) => {
      this.#timeline.after(at * releaseMs, arrive);
    });
  }

  heal(from: number, to: number): void {
    this.#cut.delete(`${from}>${to}`);
  }

  healCuts(): void {
    this.#cut.clear();
  }

  /** From now on it is a good network. */
  calm(): void {
    this.healCuts();
    this.#cloggedUntilMs.clear();
    for (const link of [...this.#held.keys()]) {
      const [from, to] = link.split('>').map(Number);
      this.release(from ?? 0, to ?? 0);
    }
    this.#isCalm = true;
  }

  send(message: Message): void {
    this.#counts.messages += 1;
    const link = `${message.from}>${message.to}`;
    const { lossRate, repeatRate } = this.#habits;
    if (this.#cut.has(link) || (!this.#isCalm && this.#random.chance(lossRate))) {
      this.#counts.messagesLost += 1;
      return;
    }
    const wire = this.#habits.usesWire ? encodeMessage(message) : undefined;
    this.#post(link, message, wire);
    if (this.#isCalm || !this.#random.chance(repeatRate)) return;
    this.#counts.messagesRepeated += 1;
    this.#post(link, message, wire);
  }

  get isCalm(): boolean {
    return this.#isCalm;
  }

  /**
   * Brings something of a connection to its other end, in the order in which it was sent: not before `notBeforeMs`.
   * Returns when it arrives; then either it does, or the connection is found to be cut.
   */
  carry(from: number, to: number, notBeforeMs: number, arrive: () => void, broken: () => void): number {
    const link = `${from}>${to}`;
    const atMs = Math.max(notBeforeMs, this.#arrivalMs(link));
    this.#timeline.at(atMs, () => {
      const held = this.#held.get(link);
      if (held !== undefined) held.push(arrive);
      else if (this.#cut.has(link)) broken();
      else arrive();
    });
    return atMs;
  }

  #arrivalMs(link: string): number {
    const { minimumMs, meanExtraMs } = this.#habits;
    const clearMs = Math.max(this.#timeline.nowMs, this.#cloggedUntilMs.get(link) ?? 0);
    return clearMs + minimumMs - Math.log(1 - this.#random.next()) * meanExtraMs;
  }

  #post(link: string, message: Message, wire: Buffer | undefined): void {
    let atMs = this.#arrivalMs(link);
    if (this.#habits.keepsOrder) {
      atMs = Math.max(atMs, this.#lastArrivalMs.get(link) ?? 0);
      this.#lastArrivalMs.set(link, atMs);
    }
    const arrive = () => {
      const held = this.#held.get(link);
      if (held !== undefined) {
        held.push(arrive);
        return;
      }
      if (this.#cut.has(link)) {
        this.#counts.messagesLost += 1;
        return;
      }
      const decoded = wire === undefined ? undefined : decodeMessage(wire);
      this.#deliver(decoded ?? message);
    };
    this.#timeline.at(atMs, arrive);
  }
}
