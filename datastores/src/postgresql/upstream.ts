// Whether this member's log can go on with that of a primary is asked before it streams: a receiver that turns out not to
// fit has by then shown the primary its own end as flushed, under a name that counts.
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import pg from 'pg';
import { type DriverClock, DriverError, type Upstream } from '../driver.ts';
import { REPLICATION_ROLE } from './config.ts';
import type { Layout } from './layout.ts';

const ANSWER_MS = 5_000;

/** The history of an epoch's timeline, from its primary. @throws DriverError `unavailable` while it does not tell */
export async function fetchHistory(
  upstream: Upstream,
  options: { readonly epoch: number; readonly layout: Layout; readonly clock: DriverClock },
): Promise<string> {
  // The first timeline left no other.
  if (options.epoch === 1) return '';
  const { rootFile, certificateFile, keyFile } = options.layout;
  const [ca, cert, key] = await Promise.all([rootFile, certificateFile, keyFile].map((path) => readFile(path, 'utf8')));
  const socket = new Socket();
  const settings = {
    ...{ host: upstream.address, port: upstream.port, user: REPLICATION_ROLE, database: 'replication' },
    ...{ replication: 'true', stream: () => socket },
    ssl: { ca, cert, key, servername: upstream.serverName },
  };
  const client = new pg.Client(settings as pg.ClientConfig);
  client.on('error', () => {});
  const timer = options.clock.after(ANSWER_MS, () => socket.destroy(new Error('No answer in time.')));
  try {
    await client.connect();
    const { rows } = await client.query(`TIMELINE_HISTORY ${options.epoch}`);
    return String(rows[0]?.content);
  } catch (error) {
    const message = `${upstream.memberId} does not tell where epoch ${options.epoch} began.`;
    throw new DriverError('unavailable', message, { cause: error });
  } finally {
    timer.cancel();
    socket.destroy();
  }
}
