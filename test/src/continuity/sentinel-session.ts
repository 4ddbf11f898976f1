// Redis as the retrying client speaks to it: by ioredis, which asks Sentinels, or whoever answers as they do, who leads, and
// finds the next one by itself. It is as it comes, save that it asks again at once and always after the same time.
import { Redis } from 'ioredis';
import type { Connect, Login, Place, Session, Written } from './retrying-client.ts';

const NAME = 'mymaster';
const KEY = 'written';
const CONNECT_LIMIT_MS = 1_000;
const RETRY_MS = 10;

/** `sentinels` is where they are asked. */
export function sentinelSessions(sentinels: readonly Place[], { user: username, password, ca }: Login): Connect {
  const tls = ca === undefined ? {} : { tls: { ca }, sentinelTLS: { ca }, enableTLSForSentinelMode: true };
  return async (answerMs) => {
    const client = new Redis({
      ...{ sentinels: [...sentinels], name: NAME, username, password, ...tls, connectTimeout: CONNECT_LIMIT_MS },
      ...{ retryStrategy: () => RETRY_MS, sentinelRetryStrategy: () => RETRY_MS },
      ...{ commandTimeout: answerMs, maxRetriesPerRequest: null },
    });
    client.on('error', () => undefined);
    return new SentinelSession(client);
  };
}

class SentinelSession implements Session {
  readonly #client: Redis;

  constructor(client: Redis) {
    this.#client = client;
  }

  get place(): Place | undefined {
    const { remoteAddress: host, remotePort: port } = this.#client.stream ?? {};
    return host === undefined || port === undefined ? undefined : { host, port };
  }

  async write(number: number): Promise<boolean> {
    await this.#client.sadd(KEY, number);
    return true;
  }

  async written(): Promise<readonly Written[]> {
    return (await this.#client.smembers(KEY)).map((text) => ({ number: Number(text) }));
  }

  close(): void {
    this.#client.disconnect();
  }
}
