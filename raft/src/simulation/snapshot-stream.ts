// A snapshot on its way, as grpc-js would carry it: a connection between two processes, on which everything arrives in its
// order or the connection breaks. What TCP cannot do, lose or change a piece and go on, it does as well, seldom, for the
// pieces have numbers and checksums against that.
import type { SendSnapshotRequest, SendSnapshotResponse } from '../generated/raft/v1/raft.ts';
import type { ReceiverCall, SenderCall } from '../transport/snapshot-call.ts';
import type { Counts } from './coverage.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** How snapshots travel. Undefined in a world: whole, in one message. */
export interface StreamHabits {
  readonly chunkBytes: number;
  /** Pieces that are sent and not known to be durable. */
  readonly windowChunks: number;
  /** Shares of the pieces with which the connection breaks, that are lost, and of which a bit is flipped. */
  readonly cutRate: number;
  readonly lossRate: number;
  readonly flipRate: number;
}

/** A process at an end of a connection. */
export interface StreamEnd {
  readonly id: number;
  /** Runs this in the process, as long as there is one. */
  deliver(act: () => void): void;
  /** Something was sent or has come: a moment at which the process may be struck. */
  notice(what: 'sent piece' | 'got piece'): void;
  trace(what: string): void;
}

export interface StreamWorld {
  readonly timeline: Timeline;
  readonly network: Network;
  readonly counts: Counts;
}

/** What has come to one end, for who reads it there. */
class Inbox<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #end: { readonly error: Error | undefined } | undefined;
  #waiting: (() => void) | undefined;

  push(item: T): void {
    if (this.#end === undefined) this.#items.push(item);
    this.#wake();
  }

  /** Nothing more comes; what did before is read yet. */
  finish(error?: Error): void {
    this.#end ??= { error };
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#end?.error !== undefined) throw this.#end.error;
      else if (this.#end !== undefined) return;
      else
        await new Promise<void>((resolve) => {
          this.#waiting = resolve;
        });
    }
  }
}

export class SnapshotStream {
  readonly #world: StreamWorld;
  readonly #random: Random;
  readonly #habits: StreamHabits;
  readonly #from: StreamEnd;
  readonly #to: number;
  #receiver: StreamEnd | undefined;
  readonly #requests = new Inbox<SendSnapshotRequest>();
  readonly #answers = new Inbox<SendSnapshotResponse>();
  #isBroken = false;
  #isOver = false;
  #outMs = 0;
  #backMs = 0;
  #pieces = 0;

  constructor(world: StreamWorld, random: Random, habits: StreamHabits, from: StreamEnd, to: number) {
    this.#world = world;
    this.#random = random;
    this.#habits = habits;
    this.#from = from;
    this.#to = to;
  }

  /** Opens the connection: `accept` is to say who is there, if anybody is, and to read from `receiver`. */
  connect(accept: () => StreamEnd | undefined): void {
    this.#out(() => {
      this.#receiver = accept();
      if (this.#receiver === undefined) this.#back(() => this.#answers.finish(new Error('Nobody listens there.')));
    });
  }

  readonly sender: SenderCall = {
    write: (request) => this.#send(request),
    cancel: () => {
      this.#answers.finish(new Error('The call was cancelled.'));
      if (!this.#isOver) this.#out(() => this.#requests.finish(new Error('The sender cancelled the call.')));
      this.#isOver = true;
    },
    on: () => undefined,
    [Symbol.asyncIterator]: () => this.#answers[Symbol.asyncIterator](),
  };

  readonly receiver: ReceiverCall = {
    iterator: () => this.#requests,
    write: (answer) => {
      const { counts } = this.#world;
      if (this.#pieces === 0 && answer.durableBytes > 0 && !answer.isComplete) counts.snapshotsResumed += 1;
      if (this.#pieces > 0 && answer.isComplete) counts.snapshotsStreamed += 1;
      this.#receiver?.trace(`has ${answer.durableBytes} bytes${answer.isComplete ? ', all' : ''}`);
      this.#back(() => this.#answers.push(answer));
    },
    end: () => {
      this.#isOver = true;
      this.#back(() => this.#answers.finish());
    },
    emit: (_event, { details }) => {
      this.#isOver = true;
      this.#receiver?.trace(`refuses a snapshot: ${details}`);
      this.#back(() => this.#answers.finish(new Error(details)));
    },
  };

  #send(request: SendSnapshotRequest): void {
    const { chunk } = request;
    const { cutRate, lossRate, flipRate } = this.#habits;
    const random = this.#random;
    const what = chunk === undefined ? `offers ${request.offer?.bytes} bytes` : `sends from ${chunk.offset} on`;
    this.#from.trace(`${what} to ${this.#to}`);
    let carried = request;
    if (chunk !== undefined && !this.#world.network.isCalm) {
      if (random.chance(cutRate)) this.break();
      if (random.chance(lossRate)) return;
      if (random.chance(flipRate)) {
        const data = Buffer.from(chunk.data);
        const at = random.below(data.length);
        data[at] = (data[at] ?? 0) ^ (1 << random.below(8));
        carried = { offer: undefined, chunk: { ...chunk, data } };
      }
    }
    this.#out(() => {
      if (chunk !== undefined) this.#pieces += 1;
      this.#requests.push(carried);
      this.#receiver?.notice('got piece');
    });
    this.#from.notice('sent piece');
  }

  #out(act: () => void): void {
    if (this.#isBroken) return;
    const arrive = () => {
      if (this.#receiver === undefined) act();
      else this.#receiver.deliver(act);
    };
    this.#outMs = this.#world.network.carry(this.#from.id, this.#to, this.#outMs, arrive, () => this.break());
  }

  #back(act: () => void): void {
    if (this.#isBroken) return;
    const arrive = () => this.#from.deliver(act);
    this.#backMs = this.#world.network.carry(this.#to, this.#from.id, this.#backMs, arrive, () => this.break());
  }

  /** Nothing more gets through; each end notices in its time. */
  break(): void {
    if (this.#isBroken || this.#isOver) return;
    this.#isBroken = true;
    this.#world.counts.snapshotStreamsCut += 1;
    const notice = (end: StreamEnd | undefined, inbox: Inbox<unknown>) => {
      this.#world.timeline.after(this.#random.pick([1, 100, 3_000]) * this.#random.next(), () => {
        end?.deliver(() => inbox.finish(new Error('The connection broke.')));
      });
    };
    notice(this.#from, this.#answers);
    notice(this.#receiver, this.#requests);
  }
}
