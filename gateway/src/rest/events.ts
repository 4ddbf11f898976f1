// /v2/events: what happened, as a page of JSON or, when the client asks for `text/event-stream`, as a stream that goes on
// (WHATWG HTML, "Server-sent events"). Event numbers are the same at every peer, so a watcher that lost its peer goes on
// at any other with `Last-Event-ID`.
import { PassThrough } from 'node:stream';
import type { Clock } from '@argosy/proto';
import { z } from 'zod';
import type { FederationEvent } from '../state/events.ts';
import type { Federation } from '../state/federation.ts';
import { type Caller, isAdmin } from './callers.ts';
import { ApiError } from './errors.ts';
import { LIMIT_QUERY, readLimit } from './pages.ts';
import { HEADERS } from './reading.ts';
import type { Route } from './route.ts';

/** A comment now and then keeps proxies from ending a quiet stream. */
const KEEPALIVE_MS = 15_000;
const MAX_STREAMS = 200;
/** A watcher that reads slower than events come is let go; it resumes where it was. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
const EVENT_STREAM = 'text/event-stream';

const eventSchema = z
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

export class Events {
  readonly #federation: Federation;
  readonly #clock: Clock;
  readonly #streams = new Set<EventStream>();

  constructor(federation: Federation, clock: Clock) {
    this.#federation = federation;
    this.#clock = clock;
  }

  /** To be called whenever an entry was applied. */
  applied(): void {
    for (const stream of this.#streams) stream.send();
  }

  close(): void {
    for (const stream of this.#streams) stream.end();
  }

  /** Clients that watch at this peer now. */
  watchers(): number {
    return this.#streams.size;
  }

  routes(): Route[] {
    return [
      {
        name: 'events.list',
        method: 'GET',
        path: '/v2/events',
        role: 'reader',
        summary: 'What happened, as a page or as a stream that goes on',
        query: { ...LIMIT_QUERY, after: HEADERS['last-event-id'] },
        headers: ['last-event-id'],
        answers: { 200: z.strictObject({ events: z.array(eventSchema) }) },
        errors: ['events.too_many_watchers'],
        canStream: true,
        handle: ({ caller, query, accept, headers }) => {
          const after = readEventId(headers['last-event-id'] ?? query.after);
          if (accept === EVENT_STREAM) {
            const type = { 'content-type': EVENT_STREAM, 'cache-control': 'no-store' };
            return { status: 200, headers: type, stream: this.#open(caller, after ?? this.#newest()) };
          }
          const events = this.#visible(caller, after ?? 0).slice(0, readLimit(query.limit));
          return { status: 200, body: { events: events.map(viewEvent) } };
        },
      },
    ];
  }

  #open(caller: Caller, after: number): PassThrough {
    if (this.#streams.size >= MAX_STREAMS) {
      throw new ApiError(
        'events.too_many_watchers',
        `This peer has ${MAX_STREAMS} watchers already. Try another peer.`,
      );
    }
    const stream = new EventStream((id) => this.#visible(caller, id), after, this.#clock);
    this.#streams.add(stream);
    stream.output.on('close', () => this.#streams.delete(stream));
    stream.send();
    return stream.output;
  }

  #visible(caller: Caller, after: number): FederationEvent[] {
    const isVisible = ({ projectId }: FederationEvent): boolean => isAdmin(caller) || projectId === caller.projectId;
    return this.#federation.eventsAfter(after).filter(isVisible);
  }

  #newest(): number {
    return this.#federation.eventsAfter(0).at(-1)?.id ?? 0;
  }
}

class EventStream {
  readonly output = new PassThrough();
  readonly #eventsAfter: (id: number) => readonly FederationEvent[];
  readonly #clock: Clock;
  #last: number;

  constructor(eventsAfter: (id: number) => readonly FederationEvent[], last: number, clock: Clock) {
    this.#eventsAfter = eventsAfter;
    this.#last = last;
    this.#clock = clock;
    this.output.write(': argosy events\n\n');
    this.#keepAlive();
  }

  send(): void {
    for (const event of this.#eventsAfter(this.#last)) {
      this.#last = event.id;
      this.output.write(`id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(viewEvent(event))}\n\n`);
    }
    if (this.output.writableLength > MAX_BUFFERED_BYTES) this.output.destroy();
  }

  end(): void {
    this.output.end();
  }

  #keepAlive(): void {
    const timer = this.#clock.after(KEEPALIVE_MS, () => {
      this.output.write(': still here\n\n');
      this.#keepAlive();
    });
    this.output.once('close', () => timer.cancel());
  }
}

function viewEvent(event: FederationEvent): z.infer<typeof eventSchema> {
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

/** Of an id that the shell has checked. */
function readEventId(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
