// What a member asks the primary over the replication protocol before it trusts its stream. Whether its log can go on with
// the primary's is asked first: a receiver that turns out not to fit has by then shown the primary its own end as
// flushed, under a name that counts.
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import pg from 'pg';
import type { Position } from '../definition.ts';
import { type DriverClock, DriverError, type Upstream } from '../driver.ts';
import { REPLICATION_ROLE } from './config.ts';
import type { Layout } from './layout.ts';

const ANSWER_MS = 5_000;

export interface Asking {
  readonly layout: Layout;
  readonly clock: DriverClock;
}

/** The history of an epoch's timeline, from its primary. @throws DriverError `unavailable` while it does not tell */
export async function fetchHistory(upstream: Upstream, epoch: number, asking: Asking): Promise<string> {
  // The first timeline left no other.
  if (epoch === 1) return '';
  const row = await ask(upstream, `TIMELINE_HISTORY ${epoch}`, asking);
  return String(row.content);
}

/** How far the primary's log is flushed now. @throws DriverError `unavailable` while it does not tell */
export async function fetchEnd(upstream: Upstream, asking: Asking): Promise<Position> {
  const row = await ask(upstream, 'IDENTIFY_SYSTEM', asking);
  return { epoch: Number(row.timeline), value: String(row.xlogpos) };
}

async function ask(
  upstream: Upstream,
  command: string,
  { layout, clock }: Asking,
): Promise<Readonly<Record<string, unknown>>> {
  const { rootFile, certificateFile, keyFile } = layout;
  const [ca, cert, key] = await Promise.all([rootFile, certificateFile, keyFile].map((path) => readFile(path, 'utf8')));
  const socket = new Socket();
  const settings = {
    ...{ host: upstream.address, port: upstream.port, user: REPLICATION_ROLE, database: 'replication' },
    ...{ replication: 'true', stream: () => socket },
    ssl: { ca, cert, key, servername: upstream.serverName },
  };
  const client = new pg.Client(settings as pg.ClientConfig);
  client.on('error', () => {});
  const timer = clock.after(ANSWER_MS, () => socket.destroy(new Error('No answer in time.')));
  try {
    await client.connect();
    const { rows } = await client.query(command);
    return rows[0] as Record<string, unknown>;
  } catch (error) {
    throw new DriverError('unavailable', `${upstream.memberId} does not answer ${command}.`, { cause: error });
  } finally {
    timer.cancel();
    socket.destroy();
  }
}
