// Where a drill asks for a disaster among the supervisor's own processes: they are killed at once, and not started again
// before it is over. A disaster ends by itself, so that nothing stays dead when whoever asked for it was killed too.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Clock, Timer } from '@argosy/proto';
import { z } from 'zod';
import type { Children } from './children.ts';

const MAX_BODY_BYTES = 10_000;
const MAX_FOR_MS = 3_600_000;
const MAX_DISASTERS = 1_000;
const OWNER_ONLY = 0o600;

const outage = z.strictObject({
  regions: z.array(z.string()).min(1),
  kinds: z.array(z.enum(['gateway', 'executor', 'cloud'])).min(1),
  for_ms: z.int().min(0).max(MAX_FOR_MS),
});
type Asked = z.infer<typeof outage>;

export interface DisasterServerOptions {
  readonly path: string;
  readonly children: Children;
  readonly clock: Clock;
  /** The names of the processes of a kind in a region. */
  readonly namesOf: (region: string, kind: Asked['kinds'][number]) => readonly string[];
  readonly say: (line: string) => void;
}

export interface DisasterServer {
  close(): void;
}

/** Serves `PUT` and `DELETE /v1/disasters/ID` at a Unix socket. */
export async function serveDisasters(options: DisasterServerOptions): Promise<DisasterServer> {
  const disasters = new LocalDisasters(options);
  rmSync(options.path, { force: true });
  const server = createServer((request, response) => {
    answer(request, response, disasters).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.path, resolve);
  });
  chmodSync(options.path, OWNER_ONLY);
  return {
    close: () => {
      disasters.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

class LocalDisasters {
  readonly #options: DisasterServerOptions;
  readonly #known = new Map<string, { readonly names: readonly string[]; readonly over: Timer }>();

  constructor(options: DisasterServerOptions) {
    this.#options = options;
  }

  /** A repeat finds it begun. */
  begin(id: string, { regions, kinds, for_ms: forMs }: Asked): void {
    if (this.#known.has(id) || this.#known.size >= MAX_DISASTERS) return;
    const { children, clock, namesOf, say } = this.#options;
    const names = regions.flatMap((region) => kinds.flatMap((kind) => namesOf(region, kind)));
    this.#known.set(id, { names, over: clock.after(forMs, () => children.release(names)) });
    say(`  A drill kills ${names.join(', ')} for ${Math.round(forMs / 1_000)} s.`);
    children.hold(names);
  }

  end(id: string): void {
    const known = this.#known.get(id);
    known?.over.cancel();
    if (known !== undefined) this.#options.children.release(known.names);
  }

  close(): void {
    for (const { over } of this.#known.values()) over.cancel();
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, disasters: LocalDisasters): Promise<void> {
  const id = /^\/v1\/disasters\/([A-Za-z0-9-]{1,64})$/.exec(request.url ?? '')?.[1];
  const body = await readBody(request);
  const tell = (status: number, told: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(told));
  };
  if (id === undefined) tell(404, { message: 'There is no such page.' });
  else if (request.method === 'PUT') {
    const asked = outage.safeParse(parse(body));
    if (!asked.success) {
      tell(400, { message: z.prettifyError(asked.error) });
      return;
    }
    disasters.begin(id, asked.data);
    tell(200, {});
  } else if (request.method === 'DELETE') {
    disasters.end(id);
    tell(200, {});
  } else tell(405, { message: 'PUT begins a disaster, DELETE ends it.' });
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new Error('The body is too large.');
  }
  return text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
