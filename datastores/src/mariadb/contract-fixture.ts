// MariaDB as the contract tries it.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import type { EngineFixture, TenantClient, TenantPlace } from '../contract/fixture.ts';

const CONNECT_MS = 3_000;
const FILL_MS = 20_000;
const ROW_BYTES = 256 * 1024;
const MAX_ROWS = 400;

async function connect(place: TenantPlace, ca: string | undefined): Promise<mysql.Connection> {
  const { address: host, port, user, password, database = 'admin' } = place;
  const client = await mysql.createConnection({
    ...{ host, port, user, password, database, connectTimeout: CONNECT_MS },
    // By its address, which its certificate names as well.
    ...(ca === undefined ? {} : { ssl: { ca } }),
  });
  client.on('error', () => undefined);
  try {
    // Whoever is not served is told by the first answer.
    await client.query('select 1');
  } catch (error) {
    client.destroy();
    throw error;
  }
  return client;
}

function tenant(client: mysql.Connection): TenantClient {
  let hasTable = false;
  return {
    write: async (number) => {
      if (!hasTable) await client.query('create table if not exists numbers (n int primary key)');
      hasTable = true;
      await client.query('insert into numbers values (?)', [number]);
    },
    numbers: async () => {
      const [rows] = await client.query('select n from numbers');
      return (rows as { n: number }[]).map(({ n }) => n);
    },
    close: () => client.destroy(),
  };
}

export const mariadbFixture: EngineFixture = {
  datastore: 'mariadb',
  version: '10.11',
  port: 3306,
  commits: 'quorum',
  afterCrash: 'restarts',
  rejoins: 'copied',
  parameters: {
    live: { name: 'max_heap_table_size', value: '32MB', told: '33554432' },
    restart: { name: 'innodb_ft_min_token_size', value: '2', told: '2' },
  },
  parameterOf: async (place, name) => {
    const client = await connect(place, place.root);
    try {
      const [rows] = await client.query('show global variables where variable_name = ?', [name]);
      return (rows as { Value: string }[])[0]?.Value ?? '';
    } finally {
      client.destroy();
    }
  },
  database: 'shop',
  connect: async (place) => tenant(await connect(place, place.root)),
  connectInTheOpen: async (place) => tenant(await connect(place, undefined)),
  damage: async (dataFolder) => {
    const file = await open(join(dataFolder, 'ibdata1'), 'r+');
    await file.truncate(100);
    await file.close();
  },
  fill: (place) => fillWith(place, MAX_ROWS),
};

/** Of a quarter of a mebibyte each. */
export async function fillWith(place: TenantPlace, rows: number): Promise<void> {
  const client = await connect(place, place.root);
  try {
    await client.query('create table if not exists filler (n int auto_increment primary key, text longblob)');
    for (let row = 0; row < rows; row++) {
      const text = Buffer.alloc(ROW_BYTES, row % 251);
      await client.query({ sql: 'insert into filler (text) values (?)', values: [text], timeout: FILL_MS });
    }
  } finally {
    client.destroy();
  }
}
