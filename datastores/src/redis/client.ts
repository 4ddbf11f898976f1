// The agent's connection to its own server, by the Unix socket.
import { Redis } from 'ioredis';
import { DriverError } from '../driver.ts';
import { AGENT_USER } from './account-names.ts';

const CONNECT_MS = 2_000;
export const COMMAND_MS = 3_000;

/** What INFO tells, by name. */
export type Info = ReadonlyMap<string, string>;

export class Client {
  readonly #socket: string;
  readonly #password: () => string;
  #redis: Redis | undefined;

  constructor(socket: string, password: () => string) {
    this.#socket = socket;
    this.#password = password;
  }

  /** @throws DriverError `unavailable` when no answer came; Redis' own error when that is its answer */
  async call(command: string, ...args: readonly (string | number)[]): Promise<unknown> {
    this.#redis ??= this.#open();
    try {
      return await this.#redis.call(command, ...args.map(String));
    } catch (error) {
      if (error instanceof Error && error.name === 'ReplyError') throw error;
      this.close();
      throw new DriverError('unavailable', 'The database does not answer.', { cause: error });
    }
  }

  async info(section: string): Promise<Info> {
    const text = String(await this.call('INFO', section));
    return new Map(
      text.split('\r\n').flatMap((line): [string, string][] => {
        const colon = line.indexOf(':');
        return colon <= 0 || line.startsWith('#') ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
      }),
    );
  }

  close(): void {
    this.#redis?.disconnect();
    this.#redis = undefined;
  }

  #open(): Redis {
    const redis = new Redis({
      ...{ path: this.#socket, username: AGENT_USER, password: this.#password() },
      ...{ connectTimeout: CONNECT_MS, commandTimeout: COMMAND_MS, maxRetriesPerRequest: 0 },
      ...{ enableReadyCheck: false, retryStrategy: () => null, connectionName: AGENT_USER },
    });
    redis.on('error', () => undefined);
    redis.on('end', () => {
      if (this.#redis === redis) this.#redis = undefined;
    });
    return redis;
  }
}
