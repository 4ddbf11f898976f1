// Where this member's log ends, read from the running server and from the log's folder.
import { join } from 'node:path';
import type { Position } from '../definition.ts';
import type { DriverOptions } from '../driver.ts';
import type { Connection } from './connection.ts';
import type { Layout } from './layout.ts';
import { historyFileName, readLsn, timelineOf, timelinesAt } from './positions.ts';

/**
 * On a replica the further of what it has received and replayed: after a start without upstream nothing counts as
 * received, though it is there.
 */
export const LSN_QUERY = `select case when pg_is_in_recovery()
    then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) else pg_current_wal_flush_lsn() end::text as lsn,
  pg_is_in_recovery() as is_replica, current_setting('server_version') as version`;

export async function positionAt(
  { options: { files }, layout: { walFolder } }: { options: Pick<DriverOptions, 'files'>; layout: Layout },
  lsn: string,
): Promise<Position> {
  const fileNames = await files.list(walFolder);
  const histories = new Map<number, string>();
  for (const timeline of timelinesAt(fileNames, readLsn(lsn))) {
    const text = await files.readIfThere(join(walFolder, historyFileName(timeline)));
    if (text !== undefined) histories.set(timeline, text);
  }
  return { epoch: timelineOf(fileNames, histories, readLsn(lsn)), value: lsn };
}

/** The timeline that a primary writes on. */
export async function ownTimeline(control: Connection): Promise<number> {
  const [row] = await control.query('select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline');
  return Number.parseInt(String(row?.timeline), 16);
}

export async function isReplica(control: Connection): Promise<boolean> {
  const [row] = await control.query('select pg_is_in_recovery() as is_replica');
  return row?.is_replica === true;
}
