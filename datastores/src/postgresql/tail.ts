// What a log holds beyond the point at which the cluster's went another way, counted by PostgreSQL's own reader of it.
import type { Position } from '../definition.ts';
import type { Tail } from '../driver.ts';
import { readLsn, writeLsn } from './positions.ts';
import type { Promotion } from './promotion.ts';

const DUMP_MS = 60_000;

/** `end` is where the log ends; what cannot be read is not counted. */
export async function measureTail(
  end: Position,
  leftAt: bigint,
  { options, layout, program }: Promotion,
): Promise<Tail> {
  const last = readLsn(end.value);
  const bytes = last > leftAt ? Number(last - leftAt) : 0;
  const range = ['--start', writeLsn(leftAt), '--end', end.value, '--timeline', String(end.epoch)];
  const dump = program('pg_waldump', '--stats=record', '--rmgr=Transaction', '--path', layout.walFolder, ...range);
  const { code, stdout } = await options.processes.run(dump, DUMP_MS);
  return { bytes, transactions: code === 0 ? countCommits(stdout) : undefined };
}

/** From the table of `pg_waldump --stats=record`, whose second column counts. */
export function countCommits(table: string): number {
  const lines = [...table.matchAll(/^Transaction\/COMMIT(?:_PREPARED)?\s+(\d+)\s/gm)];
  return lines.reduce((sum, [, count]) => sum + Number(count), 0);
}
