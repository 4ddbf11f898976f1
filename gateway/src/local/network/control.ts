// Where drills and tests ask for faults: HTTP on a Unix socket that only root opens. `curl --unix-socket` will do.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { UnknownPlaceError } from '../../network/faults.ts';
import { StartError } from '../errors.ts';
import type { Links } from './links.ts';

const ONLY_ROOT = 0o600;
const MAX_BODY_BYTES = 256 * 1024;
const MAX_DELAY_MS = 60_000;
const MAX_EXPIRY_SECONDS = 24 * 3_600;
const SET_PATH = /^\/v1\/faults\/([A-Za-z0-9._-]{1,64})$/;

const delay = z.number().min(0).max(MAX_DELAY_MS);
const faultSet = z.strictObject({
  faults: z
    .array(
      z.union([
        z.strictObject({ from: z.string(), to: z.string(), effect: z.literal('cut') }),
        z.strictObject({ from: z.string(), to: z.string(), effect: z.literal('slow'), delay_ms: delay }),
      ]),
    )
    .default([]),
  isolate: z
    .array(
      z.strictObject({
        region: z.string(),
        from: z.enum(['gateways', 'regions', 'everything']),
        direction: z.enum(['both', 'incoming', 'outgoing']).optional(),
        delay_ms: delay.optional(),
      }),
    )
    .default([]),
  expires_in_seconds: z.number().positive().max(MAX_EXPIRY_SECONDS).optional(),
});

class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Serves until the answer is called. */
export async function serveControl(links: Links, path: string): Promise<() => void> {
  rmSync(path, { force: true });
  const server: Server = createServer((request, response) => {
    answer(links, request).then(
      (body) => write(response, 200, body),
      (error: unknown) => {
        const { status, message } = refusalOf(error);
        write(response, status, { error: { code: status, message } });
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, ONLY_ROOT);
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

async function answer(links: Links, request: IncomingMessage): Promise<unknown> {
  const path = request.url ?? '';
  if (request.method === 'GET' && path === '/v1/network') return view(links);
  const name = SET_PATH.exec(path)?.[1];
  if (name === undefined) throw new Refusal(404, `There is nothing at ${path}.`);
  if (request.method === 'DELETE') {
    await links.heal(name);
    return view(links);
  }
  if (request.method !== 'PUT') throw new Refusal(405, 'A set of faults is put or deleted.');
  const { faults, isolate, expires_in_seconds: expiry } = faultSet.parse(await readBody(request));
  await links.put(name, {
    faults: faults.map((fault) => {
      const { from, to } = fault;
      return fault.effect === 'cut'
        ? { from, to, effect: 'cut' }
        : { from, to, effect: 'slow', delayMs: fault.delay_ms };
    }),
    isolate: isolate.map(({ delay_ms: delayMs, ...isolation }) => ({ ...isolation, delayMs })),
    ...(expiry === undefined ? {} : { expiresInSeconds: expiry }),
  });
  return view(links);
}

function view(links: Links): unknown {
  return {
    places: links.places,
    faults: links.sets().map(({ name, faults, expiresAt }) => ({
      name,
      expires_at: expiresAt?.toISOString() ?? null,
      faults: faults.map((fault) => ({
        ...{ from: fault.from, to: fault.to, effect: fault.effect },
        ...(fault.effect === 'slow' ? { delay_ms: fault.delayMs } : {}),
      })),
    })),
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, `A body has at most ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new Refusal(400, 'The body is not JSON.');
  }
}

function write(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

function refusalOf(error: unknown): { readonly status: number; readonly message: string } {
  if (error instanceof Refusal) return error;
  if (error instanceof z.ZodError) return { status: 400, message: z.prettifyError(error) };
  if (error instanceof UnknownPlaceError) return { status: 400, message: error.message };
  if (error instanceof StartError) return { status: 503, message: error.message };
  return { status: 500, message: String(error) };
}
