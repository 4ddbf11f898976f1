// Redis as the contract tries it.
import { readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { EngineFixture, TenantClient, TenantPlace } from '../contract/fixture.ts';

const CONNECT_MS = 3_000;
const VALUE_BYTES = 256 * 1024;
const MAX_VALUES = 400;
const KEY = 'numbers';
/** The last database where there are 32. */
const LAST_OF_MORE = 31;

async function connect(place: TenantPlace, tls: object | undefined): Promise<Redis> {
  const { address: host, port, user: username, password } = place;
  const client = new Redis({
    ...{ host, port, username, password, lazyConnect: true, connectTimeout: CONNECT_MS, retryStrategy: () => null },
    ...{ maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: CONNECT_MS * 2 },
    ...(tls === undefined ? {} : { tls }),
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    // A password that is refused is told of by the first command only.
    await client.call('ACL', 'WHOAMI').catch(() => client.call('PING'));
    return client;
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

function tenant(client: Redis): TenantClient {
  return {
    write: async (number) => void (await client.sadd(KEY, number)),
    numbers: async () => (await client.smembers(KEY)).map(Number),
    close: () => client.disconnect(),
  };
}

export const redisFixture: EngineFixture = {
  datastore: 'redis',
  version: '7.0',
  port: 6379,
  commits: 'alone',
  afterCrash: 'waits',
  rejoins: 'copied',
  parameters: {
    live: { name: 'maxmemory-policy', value: 'allkeys-lru', told: 'allkeys-lru' },
    restart: { name: 'databases', value: '32', told: '32' },
  },
  parameterOf: async (place, name) => {
    const client = await connect(place, { ca: place.root });
    try {
      // A tenant may not read the configuration: what is in force shows otherwise.
      if (name === 'databases') return (await client.select(LAST_OF_MORE).catch(() => '')) === 'OK' ? '32' : '16';
      return /^maxmemory_policy:(.*)\r$/m.exec(await client.info('memory'))?.[1] ?? '';
    } finally {
      client.disconnect();
    }
  },
  database: `${KEY}*`,
  connect: async (place) => tenant(await connect(place, { ca: place.root })),
  connectInTheOpen: async (place) => tenant(await connect(place, undefined)),
  damage: async (dataFolder) => {
    await writeFile(join(dataFolder, 'dump.rdb'), 'no snapshot');
    const log = join(dataFolder, 'appendonlydir');
    for (const name of await readdir(log).catch(() => [])) await truncate(join(log, name), 5);
  },
  fill: async (place) => {
    const client = await connect(place, { ca: place.root });
    try {
      const value = Buffer.alloc(VALUE_BYTES, 'x');
      for (let number = 0; number < MAX_VALUES; number++) await client.set(`filler:${number % 20}`, value);
    } finally {
      client.disconnect();
    }
  },
};
