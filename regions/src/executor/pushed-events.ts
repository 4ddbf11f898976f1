// Heat tells of its events by itself where its operator lets it: it takes the region's service of type `messaging` for
// Zaqar and puts each event into a queue there, and we are that service. What is pushed only wakes: Heat itself is asked
// what has become of the stack, so a message that is lost, late, double or a stranger's does no harm.
import { Router } from '@koa/router';
import Koa from 'koa';
import type { Logger } from 'pino';
import { type HttpServer, serveHttp } from '../http-server.ts';
import type { Metrics } from './metrics.ts';

/** Seconds for which a queue would keep a message. Nobody fetches them here. */
const MESSAGE_TTL_SECONDS = 120;
/** An event is told in about one KiB. */
const MAX_BODY_BYTES = 256 * 1024;
const QUEUE_PREFIX = 'argosy-';

/** What is put into a stack's environment for its events to be pushed. */
export function eventSinks(federation: string): readonly object[] {
  return [{ type: 'zaqar-queue', target: `${QUEUE_PREFIX}${federation}`, ttl: MESSAGE_TTL_SECONDS }];
}

/** Who waits for news of which stack. */
export class StackNews {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Something has happened to the stack. */
  tell(stackId: string): void {
    for (const wake of this.#waiting.get(stackId) ?? []) wake();
  }

  /** Calls at every news of the stack; the answer ends that. */
  listen(stackId: string, wake: () => void): () => void {
    const all = this.#waiting.get(stackId) ?? new Set();
    this.#waiting.set(stackId, all.add(wake));
    return () => {
      all.delete(wake);
      if (all.size === 0) this.#waiting.delete(stackId);
    };
  }
}

/** Serves as the queue into which Heat puts its events. */
export function servePushedEvents(
  world: { readonly news: StackNews; readonly metrics: Metrics; readonly log: Logger },
  at: { readonly address: string; readonly port: number },
): Promise<HttpServer> {
  const app = new Koa();
  app.silent = true;
  const router = new Router();
  router.post('/v2/queues/:queue/messages', async (context) => {
    const text = await readText(context.req);
    const stackIds = text === undefined ? [] : readStackIds(text);
    for (const stackId of stackIds) world.news.tell(stackId);
    world.metrics.pushed(stackIds.length);
    world.log.debug({ stacks: stackIds }, 'Heat tells of events');
    context.status = text === undefined ? 413 : 201;
    context.body = { resources: [] };
  });
  app.use(router.routes());
  return serveHttp(app.callback(), at);
}

/** The stacks that a message to the queue is about. */
function readStackIds(text: string): string[] {
  let body: { messages?: unknown };
  try {
    body = JSON.parse(text) as { messages?: unknown };
  } catch {
    return [];
  }
  const messages = Array.isArray(body?.messages) ? (body.messages as unknown[]) : [];
  return messages.flatMap((message) => {
    const { payload } = (message as { body?: { payload?: { stack_id?: unknown } } } | null)?.body ?? {};
    return typeof payload?.stack_id === 'string' ? [payload.stack_id] : [];
  });
}

/** Undefined when it is too long. */
async function readText(stream: AsyncIterable<Buffer>): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
