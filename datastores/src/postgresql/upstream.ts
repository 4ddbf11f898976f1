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

/**
 * Has the primary of this epoch make a checkpoint: before its first one its control file names the timeline that it left,
 * and a rewind would find nothing to do. @throws DriverError `unavailable` when it is not that primary, or does not answer
 */
export async function checkpointAt(upstream: Upstream, epoch: number, asking: Asking): Promise<void> {
  const found = await ask(
    upstream,
    'select pg_is_in_recovery() as is_replica, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline',
    asking,
    CHECKPOINT_ASK,
  );
  if (found.is_replica !== false || Number.parseInt(String(found.timeline), 16) !== epoch) {
    throw new DriverError('unavailable', `${upstream.memberId} is not the primary of epoch ${epoch}.`);
  }
  await ask(upstream, 'checkpoint', asking, CHECKPOINT_ASK);
}

const CHECKPOINT_ASK = { database: 'postgres', replication: undefined, timeoutMs: 600_000 } as const;
const REPLICATION_ASK = { database: 'replication', replication: 'true', timeoutMs: ANSWER_MS } as const;

async function ask(
  upstream: Upstream,
  command: string,
  { layout, clock }: Asking,
  way: typeof CHECKPOINT_ASK | typeof REPLICATION_ASK = REPLICATION_ASK,
): Promise<Readonly<Record<string, unknown>>> {
  const { rootFile, certificateFile, keyFile } = layout;
  const [ca, cert, key] = await Promise.all([rootFile, certificateFile, keyFile].map((path) => readFile(path, 'utf8')));
  const socket = new Socket();
  const settings = {
    ...{ host: upstream.address, port: upstream.port, user: REPLICATION_ROLE, database: way.database },
    ...(way.replication === undefined ? {} : { replication: way.replication }),
    stream: () => socket,
    ssl: { ca, cert, key, servername: upstream.serverName },
  };
  const client = new pg.Client(settings as pg.ClientConfig);
  client.on('error', () => {});
  const timer = clock.after(way.timeoutMs, () => socket.destroy(new Error('No answer in time.')));
  try {
    await client.connect();
    const { rows } = await client.query(command);
    return (rows[0] ?? {}) as Record<string, unknown>;
  } catch (error) {
    throw new DriverError('unavailable', `${upstream.memberId} does not answer ${command}.`, { cause: error });
  } finally {
    timer.cancel();
    socket.destroy();
  }
}
