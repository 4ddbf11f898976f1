// Simulated time: a queue of events, ordered by time and then by who asked first. Between two events every promise that
// can go on has gone on, so what happens depends on the queue alone. No clock of this machine is read.
import process from 'node:process';

export interface Scheduled {
  readonly atMs: number;
  readonly sequence: number;
  readonly act: () => void;
  isCancelled: boolean;
}

export class Timeline {
  #nowMs = 0;
  #sequence = 0;
  #isStopped = false;
  /** A binary heap. */
  readonly #heap: Scheduled[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs `act` after so many simulated milliseconds. */
  after(delayMs: number, act: () => void): Scheduled {
    return this.at(this.#nowMs + delayMs, act);
  }

  at(atMs: number, act: () => void): Scheduled {
    this.#sequence += 1;
    const event = { atMs: Math.max(atMs, this.#nowMs), sequence: this.#sequence, act, isCancelled: false };
    this.#push(event);
    return event;
  }

  /** Ends `run` after the present event. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Lives until that moment. `afterEach` is called when all that an event led to has happened. */
  async run(untilMs: number, afterEach: () => void): Promise<void> {
    // Called by a callback of the event loop, the first event's promises would only go on after the next tick.
    await undefined;
    while (!this.#isStopped) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) break;
      this.#pop();
      if (event.isCancelled) continue;
      this.#nowMs = event.atMs;
      event.act();
      await promisesSettled();
      afterEach();
    }
    if (!this.#isStopped) this.#nowMs = untilMs;
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent] as Scheduled)) break;
      heap[at] = heap[parent] as Scheduled;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Scheduled;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Scheduled, heap[child] as Scheduled)) child += 1;
      if (!isBefore(heap[child] as Scheduled, last)) break;
      heap[at] = heap[child] as Scheduled;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

/** The engine comes to the next tick when no promise has a continuation left to run. */
function promisesSettled(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

/** Lets this process do what has nothing to do with the simulation, such as talking to its parent. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
