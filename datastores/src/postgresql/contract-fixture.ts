// PostgreSQL as the contract tries it.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { EngineFixture, TenantClient, TenantPlace } from '../contract/fixture.ts';

const CONNECT_MS = 3_000;
const ROW_BYTES = 256 * 1024;
const MAX_ROWS = 400;

async function connect(place: TenantPlace, ssl: pg.ClientConfig['ssl']): Promise<pg.Client> {
  const { address: host, port, user, password, database = 'admin' } = place;
  const client = new pg.Client({
    ...{ host, port, user, password, database, connectionTimeoutMillis: CONNECT_MS, ssl },
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function tenant(client: pg.Client): Promise<TenantClient> {
  let hasTable = false;
  let isWarned = false;
  client.on('notice', ({ severity }) => {
    if (severity === 'WARNING') isWarned = true;
  });
  return {
    write: async (number) => {
      if (!hasTable) await client.query('create table if not exists numbers (n int primary key)');
      hasTable = true;
      isWarned = false;
      await client.query('insert into numbers values ($1)', [number]);
      if (isWarned) throw new Error('The server warned: not acknowledged.');
    },
    numbers: async () => (await client.query('select n from numbers')).rows.map(({ n }) => n as number),
    close: () => void client.end().catch(() => undefined),
  };
}

export const postgresqlFixture: EngineFixture = {
  datastore: 'postgresql',
  version: '15',
  port: 5432,
  commits: 'quorum',
  afterCrash: 'restarts',
  rejoins: 'rewound',
  parameters: {
    live: { name: 'work_mem', value: '16MB', told: '16MB' },
    restart: { name: 'max_connections', value: '150', told: '150' },
  },
  parameterOf: async (place, name) => {
    const client = await connect(place, { ca: place.root });
    try {
      const { rows } = await client.query('select current_setting($1) as told', [name]);
      return (rows[0] as { told: string }).told;
    } finally {
      void client.end().catch(() => undefined);
    }
  },
  database: 'shop',
  connect: async (place) => await tenant(await connect(place, { ca: place.root })),
  connectInTheOpen: async (place) => await tenant(await connect(place, false)),
  damage: async (dataFolder) => {
    const file = await open(join(dataFolder, 'global/pg_control'), 'r+');
    await file.truncate(100);
    await file.close();
  },
  fill: async (place) => {
    const client = await connect(place, { ca: place.root });
    try {
      await client.query('create table if not exists filler (text text)');
      for (let row = 0; row < MAX_ROWS; row++) {
        // Random, so that it is not compressed away.
        await client.query(
          "insert into filler select string_agg(gen_random_uuid()::text, '') from generate_series(1, $1)",
          [Math.ceil(ROW_BYTES / 36)],
        );
      }
    } finally {
      void client.end().catch(() => undefined);
    }
  },
};
