// A watcher's events, drawn as fast as the watcher reads them: nothing is kept for one who reads slowly but the place
// where it is. How an event is written is the business of who sends it: server-sent events (WHATWG HTML) or gRPC.
import { pipeline, Readable, Transform } from 'node:stream';
import type { Clock, Timer } from '@argosy/proto';
import { z } from 'zod';
import type { FederationEvent } from '../state/events.ts';
import { ApiError } from './errors.ts';

/** A word now and then keeps proxies from ending a quiet stream. */
const KEEPALIVE_MS = 15_000;
/** A watcher for whom events wait, and who took none for so long, is let go; it resumes where it was. */
const STALLED_MS = 30_000;
/** Notices that lie ready for a watcher. */
const READY_NOTICES = 16;

export const eventSchema = z
  .strictObject({
    id: z.string(),
    at: z.iso.datetime(),
    kind: z.string().meta({ description: 'Such as `operation.started`.' }),
    project_id: z.string().nullable(),
    cluster_id: z.string().nullable(),
    operation_id: z.string().nullable(),
    message: z.string(),
  })
  .meta({ id: 'Event' });
export type EventView = z.infer<typeof eventSchema>;

/** What a watcher is told: an event, or only that nothing else happened until there. */
export interface Notice {
  /** Where a watcher that was told this goes on. */
  readonly last_event_id: string;
  readonly event?: EventView;
}

/** What happened after an event, as far as the watcher may see it. */
export interface Happened {
  readonly events: readonly FederationEvent[];
  /** The newest event there is, seen or not. */
  readonly newest: number;
  /** The oldest event that is kept; what was before it is forgotten. */
  readonly oldest: number;
}

export interface EventFeedOptions {
  readonly happenedAfter: (id: number) => Happened;
  /** The feed begins after this event. */
  readonly after: number;
  readonly clock: Clock;
  readonly stalledMs?: number;
}

/** A stream of notices. It ends when the peer stops, and with `events.too_slow` for a watcher that does not read. */
export class EventFeed extends Readable {
  readonly #options: EventFeedOptions;
  readonly #stalledMs: number;
  #last: number;
  /** How far the events that wait reach. */
  #fetched: number;
  #waiting: readonly FederationEvent[] = [];
  /** Which of them is the next. */
  #next = 0;
  #isWanted = false;
  #readAtMs: number;
  #timer: Timer;

  constructor(options: EventFeedOptions) {
    super({ objectMode: true, highWaterMark: READY_NOTICES });
    this.#options = options;
    this.#stalledMs = options.stalledMs ?? STALLED_MS;
    this.#last = options.after;
    this.#fetched = options.after;
    this.#readAtMs = options.clock.monotonicMs();
    this.push(this.#notice());
    this.#timer = this.#keepAlive();
  }

  /** To be called whenever something may have happened. */
  wake(): void {
    while (this.#isWanted && this.#fetch()) {
      const event = this.#waiting[this.#next];
      if (event === undefined) return;
      this.#next += 1;
      this.#last = this.#next === this.#waiting.length ? this.#fetched : event.id;
      this.#isWanted = this.push({ ...this.#notice(), event: viewEvent(event) });
    }
  }

  end(): void {
    this.push(null);
  }

  override _read(): void {
    this.#isWanted = true;
    this.#readAtMs = this.#options.clock.monotonicMs();
    this.wake();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#timer.cancel();
    this.#waiting = [];
    callback(error);
  }

  /** True while the feed goes on. */
  #fetch(): boolean {
    if (this.destroyed) return false;
    if (this.#next < this.#waiting.length) return true;
    const { events, newest, oldest } = this.#options.happenedAfter(this.#last);
    if (this.#last + 1 < oldest && this.#last > this.#options.after) {
      this.#letGo('so many events came meanwhile that the next one is forgotten');
      return false;
    }
    this.#waiting = events;
    this.#next = 0;
    // A place beyond the newest event is waited for.
    this.#fetched = Math.max(this.#last, newest);
    if (events.length === 0) this.#last = this.#fetched;
    return true;
  }

  #notice(): Notice {
    return { last_event_id: String(this.#last) };
  }

  #keepAlive(): Timer {
    const { clock } = this.#options;
    return clock.after(Math.min(KEEPALIVE_MS, this.#stalledMs), () => {
      if (this.destroyed) return;
      if (this.#isWanted) this.#isWanted = this.push(this.#notice());
      else if (clock.monotonicMs() - this.#readAtMs >= this.#stalledMs)
        this.#letGo(`nothing was read for ${this.#stalledMs} ms`);
      this.#timer = this.#keepAlive();
    });
  }

  #letGo(reason: string): void {
    const advice = 'Go on after the last event that was seen.';
    this.destroy(new ApiError('events.too_slow', `This watcher reads too slowly: ${reason}. ${advice}`));
  }
}

export function viewEvent(event: FederationEvent): EventView {
  return {
    id: String(event.id),
    at: event.at,
    kind: event.kind,
    project_id: event.projectId ?? null,
    cluster_id: event.clusterId ?? null,
    operation_id: event.operationId ?? null,
    message: event.message,
  };
}

/** A feed in the form `text/event-stream`. */
export function eventStream(feed: EventFeed): Readable {
  const text = new Transform({
    writableObjectMode: true,
    transform: ({ event }: Notice, _encoding, callback) => {
      const lines = event && `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
      callback(null, lines ?? ': still here\n\n');
    },
  });
  // Who goes away takes the feed along; why a feed ended is told to nobody but the log.
  pipeline(feed, text, () => undefined);
  return text;
}
