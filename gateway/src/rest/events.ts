// /v2/events: what happened, as a page or, when the client asks for `text/event-stream`, as a feed that goes on. Event
// numbers are the same at every peer, so a watcher that lost its peer goes on at any other after the last that it saw.
import type { Clock } from '@argosy/proto';
import { z } from 'zod';
import type { FederationEvent } from '../state/events.ts';
import type { Federation } from '../state/federation.ts';
import { type Caller, isAdmin } from './callers.ts';
import { ApiError } from './errors.ts';
import { EventFeed, eventSchema, type Happened, viewEvent } from './event-feed.ts';
import { LIMIT_QUERY, readLimit } from './pages.ts';
import { HEADERS } from './reading.ts';
import type { Route } from './route.ts';

const MAX_FEEDS = 200;
export const EVENT_STREAM = 'text/event-stream';

const CLUSTER = z.string().min(1).max(255).meta({ description: 'Only those of this cluster, by id or name.' });

export interface EventsOptions {
  readonly stalledMs?: number;
}

/** The events that a caller asks for: those that it may see, and of them perhaps one cluster's. */
interface Choice {
  readonly caller: Caller;
  readonly clusterId: string | undefined;
}

export class Events {
  readonly #federation: Federation;
  readonly #clock: Clock;
  readonly #options: EventsOptions;
  readonly #feeds = new Set<EventFeed>();

  constructor(federation: Federation, clock: Clock, options: EventsOptions = {}) {
    this.#federation = federation;
    this.#clock = clock;
    this.#options = options;
  }

  /** To be called whenever an entry was applied. */
  applied(): void {
    for (const feed of this.#feeds) feed.wake();
  }

  close(): void {
    for (const feed of this.#feeds) feed.end();
  }

  /** Clients that watch at this peer now. */
  watchers(): number {
    return this.#feeds.size;
  }

  routes(): Route[] {
    return [
      {
        name: 'events.list',
        method: 'GET',
        path: '/v2/events',
        role: 'reader',
        summary: 'What happened, as a page or as a stream that goes on',
        query: { ...LIMIT_QUERY, after: HEADERS['last-event-id'], cluster: CLUSTER },
        headers: ['last-event-id'],
        answers: { 200: z.strictObject({ events: z.array(eventSchema) }) },
        errors: ['events.too_many_watchers', 'cluster.not_found'],
        canStream: true,
        handle: ({ caller, query, accept, headers }) => {
          const after = readEventId(headers['last-event-id'] ?? query.after);
          const choice = { caller, clusterId: this.#clusterId(caller, query.cluster) };
          if (accept === EVENT_STREAM) {
            const type = { 'content-type': EVENT_STREAM, 'cache-control': 'no-store' };
            return {
              status: 200,
              headers: type,
              feed: this.#open(choice, after ?? this.#federation.eventRange().newest),
            };
          }
          const events = this.#chosen(choice, after ?? 0).slice(0, readLimit(query.limit));
          return { status: 200, body: { events: events.map(viewEvent) } };
        },
      },
    ];
  }

  #open(choice: Choice, after: number): EventFeed {
    if (this.#feeds.size >= MAX_FEEDS) {
      throw new ApiError('events.too_many_watchers', `This peer has ${MAX_FEEDS} watchers already. Try another peer.`);
    }
    const happenedAfter = (id: number): Happened => ({
      ...this.#federation.eventRange(),
      events: this.#chosen(choice, id),
    });
    const feed = new EventFeed({ happenedAfter, after, clock: this.#clock, ...this.#options });
    this.#feeds.add(feed);
    feed.on('close', () => this.#feeds.delete(feed));
    return feed;
  }

  #chosen({ caller, clusterId }: Choice, after: number): FederationEvent[] {
    return this.#federation
      .eventsAfter(after)
      .filter((event) => isVisible(caller, event) && (clusterId === undefined || event.clusterId === clusterId));
  }

  /** Of a cluster that there is, or was as far as events tell. @throws ApiError cluster.not_found */
  #clusterId(caller: Caller, idOrName: string | undefined): string | undefined {
    if (idOrName === undefined) return undefined;
    const cluster =
      this.#federation.findCluster(caller.projectId, idOrName) ??
      (isAdmin(caller) ? this.#federation.findCluster(undefined, idOrName) : undefined);
    if (cluster !== undefined) return cluster.id;
    const wasThere = this.#federation
      .eventsAfter(0)
      .some((event) => event.clusterId === idOrName && isVisible(caller, event));
    if (wasThere) return idOrName;
    throw new ApiError('cluster.not_found', `There is no cluster "${idOrName}" in this project.`);
  }
}

function isVisible(caller: Caller, { projectId }: FederationEvent): boolean {
  return isAdmin(caller) || projectId === caller.projectId;
}

/** Of an id that the shell has checked. */
function readEventId(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
