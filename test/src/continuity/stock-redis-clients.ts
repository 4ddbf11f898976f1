// Redis' stock clients for Node, with nothing of Argosy's: each asks the members as if they were Sentinels, and goes on
// where they say.
import { Redis } from 'ioredis';
import { createSentinel } from 'redis';

const SENTINEL_PORT = 26_379;
const NAME = 'mymaster';
const RETRY_MS = 50;
const PAUSE_MS = 5;

export interface StockLogin {
  readonly username: string;
  readonly password: string;
  readonly ca: string;
}

/** Counts up a key of its own, for as long as it is let. */
export class StockClient {
  readonly name: string;
  answers = 0;
  lastError = '';
  #isEnding = false;
  readonly #ended: Promise<void>;
  readonly #close: () => void;

  constructor(name: string, client: { readonly count: () => Promise<unknown>; readonly close: () => void }) {
    this.name = name;
    this.#close = client.close;
    this.#ended = this.#run(client.count);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    this.#close();
    await this.#ended;
  }

  async #run(count: () => Promise<unknown>): Promise<void> {
    while (!this.#isEnding) {
      const isAnswered = await count().then(
        () => true,
        (error: unknown) => {
          this.lastError = String(error);
          return false;
        },
      );
      if (isAnswered) this.answers += 1;
      await new Promise<void>((resolve) => setTimeout(resolve, isAnswered ? PAUSE_MS : RETRY_MS));
    }
  }
}

export async function stockClients(addresses: readonly string[], login: StockLogin): Promise<StockClient[]> {
  const { username, password, ca } = login;
  const sentinels = addresses.map((host) => ({ host, port: SENTINEL_PORT }));
  const ioredis = new Redis({
    ...{ sentinels, name: NAME, username, password, tls: { ca }, sentinelTLS: { ca }, enableTLSForSentinelMode: true },
    ...{ commandTimeout: 2_000, maxRetriesPerRequest: 1 },
  });
  ioredis.on('error', () => undefined);
  const nodeRedis = createSentinel({
    ...{ name: NAME, sentinelRootNodes: sentinels },
    nodeClientOptions: { username, password, socket: { tls: true, ca } },
    sentinelClientOptions: { socket: { tls: true, ca } },
  });
  nodeRedis.on('error', () => undefined);
  nodeRedis.on('client-error', () => undefined);
  await nodeRedis.connect();
  return [
    new StockClient('ioredis', { count: () => ioredis.incr('ioredis'), close: () => ioredis.disconnect() }),
    new StockClient('node-redis', { count: () => nodeRedis.incr('node-redis'), close: () => nodeRedis.destroy() }),
  ];
}
