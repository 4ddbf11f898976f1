// The cluster's data, as a client sees it: the member that takes writes is looked for among all, over verified TLS.
import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import type { ClusterView, Credentials } from './tenant.ts';
import { readFederation } from './victims.ts';
import { waitUntil } from './waiting.ts';

const CONNECT_LIMIT_MS = 3_000;
const STATEMENT_LIMIT_MS = 5_000;
const WRITE_LIMIT_MS = 20_000;

/** Writes a row, after all that were written before have been seen. @throws Error when one is missing or none is taken. */
export async function writeRow(home: string, cluster: ClusterView, credentials: Credentials): Promise<void> {
  const written = rowsOf(cluster.id);
  let last = '';
  await waitUntil(
    'a write is acknowledged',
    WRITE_LIMIT_MS,
    async () => {
      for (const { address } of cluster.members) {
        if (address === null) continue;
        try {
          if (await writeAt(home, address, credentials, written)) return true;
        } catch (error) {
          if (error instanceof LostRow) throw error;
          last = String(error);
        }
      }
      return false;
    },
    () => `The last error was ${last}.`,
  );
}

/** An acknowledged row is not there any more. */
class LostRow extends Error {
  override readonly name = 'LostRow';
}

const acknowledged = new Map<string, number[]>();

function rowsOf(clusterId: string): number[] {
  const rows = acknowledged.get(clusterId) ?? [];
  acknowledged.set(clusterId, rows);
  return rows;
}

/** False when this member takes no writes. */
async function writeAt(home: string, host: string, credentials: Credentials, written: number[]): Promise<boolean> {
  const { username: user, password, database } = credentials;
  const client = new Client({
    ...{ host, port: 5432, user, password, database },
    ssl: { ca: readFileSync(readFederation(home).ca, 'utf8') },
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    query_timeout: STATEMENT_LIMIT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows: modes } = await client.query('select pg_is_in_recovery() as standby');
    if ((modes[0] as { standby: boolean }).standby) return false;
    await client.query('create table if not exists kept (number int primary key)');
    const { rows } = await client.query('select number from kept');
    const there = new Set(rows.map((row) => (row as { number: number }).number));
    const lost = written.filter((number) => !there.has(number));
    if (lost.length > 0) throw new LostRow(`Acknowledged rows are gone: ${lost.join(', ')}.`);
    // A repeat after an answer that did not come has another number, for the first may have been written.
    const number = Math.max(0, ...written, ...there) + 1;
    await client.query('insert into kept values ($1)', [number]);
    written.push(number);
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}
