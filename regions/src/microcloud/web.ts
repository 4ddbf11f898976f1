// What microcloud's two services share of HTTP: a Koa application that reads small JSON bodies, gives each request an
// id, and turns what is thrown into the caller's error.
import { randomUUID } from 'node:crypto';
import type { Middleware } from 'koa';
import Koa from 'koa';
import type { Logger } from 'pino';

/** Heat's own limit of a template is 512 KiB; a request carries a few. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** An answer that is an error, whole. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, message: string, body: unknown) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** The body as an object; an empty one when there is none. */
export function bodyOf(context: { readonly state: unknown }): Record<string, unknown> {
  return (context.state as { body?: Record<string, unknown> }).body ?? {};
}

/** An application that answers what is thrown by `describe`. */
export function createApp(log: Logger, describe: (error: unknown) => HttpError): Koa {
  const app = new Koa();
  app.silent = true;
  const answer: Middleware = async (context, next) => {
    context.set('x-openstack-request-id', `req-${randomUUID()}`);
    try {
      context.state.body = await readBody(context.req);
      await next();
    } catch (thrown) {
      const error = describe(thrown);
      if (error.status >= 500) log.error({ err: thrown, path: context.path }, 'request failed');
      context.status = error.status;
      context.body = error.body;
    }
  };
  app.use(answer);
  return app;
}

async function readBody(stream: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new HttpError(413, 'The request is too large.', undefined);
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new HttpError(400, `The request is not JSON: ${(cause as Error).message}`, undefined);
  }
}
