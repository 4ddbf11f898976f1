// From replica to primary. The receiver is ended for good before anything else is decided: a reload alone does not end
// it while replay is behind, and what it went on to acknowledge would be lost.
import { join } from 'node:path';
import { DriverError, type DriverOptions, type Program } from '../driver.ts';
import { sleep } from '../server-process.ts';
import type { Connection } from './connection.ts';
import type { Layout } from './layout.ts';
import { isReplica, ownTimeline, positionAt } from './log-position.ts';
import { historyFileName } from './positions.ts';

const RECEIVER_END_MS = 10_000;
/** Replay of what was received may be long behind. */
const REPLAY_MS = 600_000;
/** More than several `wal_retrieve_retry_interval`s in which nothing is replayed. */
const STANDSTILL_MS = 500;
const DUMP_MS = 60_000;
const PROMOTE_MS = 60_000;
const POLL_MS = 10;
/** So often must no receiver be seen: more than one `wal_retrieve_retry_interval` (100 ms). */
const ROUNDS_WITHOUT_RECEIVER = 15;

export interface Promotion {
  readonly options: DriverOptions;
  readonly layout: Layout;
  readonly control: Connection;
  /** A program of the engine. */
  readonly program: (name: string, ...args: readonly string[]) => Program;
}

/** Ends the receiver and sees that it stays away. Its upstream must be out of the files, and these read. */
export async function endReceiver({ options, control }: Promotion): Promise<void> {
  const deadline = options.clock.monotonicMs() + RECEIVER_END_MS;
  for (let roundsWithout = 0; roundsWithout < ROUNDS_WITHOUT_RECEIVER; ) {
    const receivers = await control.query("select pid from pg_stat_activity where backend_type = 'walreceiver'");
    for (const row of receivers) options.processes.signal(Number(row.pid), 'SIGTERM');
    roundsWithout = receivers.length === 0 ? roundsWithout + 1 : 0;
    if (options.clock.monotonicMs() > deadline) {
      throw new DriverError('unavailable', 'The process that receives from the old primary does not end.');
    }
    await sleep(options, POLL_MS);
  }
}

/**
 * Answers when everything in the local log has been replayed. The receiver must be gone. Of the last record that was
 * received a part may be missing, so that replay never reaches what was received: then the log itself is read.
 */
export async function replayToEnd(promotion: Promotion): Promise<void> {
  const { options, control } = promotion;
  const deadline = options.clock.monotonicMs() + REPLAY_MS;
  let last: { readonly lsn: string; readonly sinceMs: number } | undefined;
  while (options.clock.monotonicMs() < deadline) {
    const [row] = await control.query(
      `select pg_last_wal_replay_lsn()::text as replayed, pg_last_wal_receive_lsn()::text as received,
        coalesce(pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn(), true) as has_all, exists (select from
        pg_stat_activity where backend_type = 'startup' and wait_event = 'RecoveryRetrieveRetryInterval') as is_idle`,
    );
    if (row?.is_idle === true && row.has_all === true) return;
    const nowMs = options.clock.monotonicMs();
    const lsn = String(row?.replayed);
    if (last?.lsn !== lsn) last = { lsn, sinceMs: nowMs };
    if (row?.is_idle === true && nowMs - last.sinceMs > STANDSTILL_MS) {
      if (!(await hasRecordAfter(lsn, String(row.received), promotion))) return;
      last = undefined;
    }
    await sleep(options, POLL_MS);
  }
  throw new DriverError('unavailable', 'The log is not replayed to its end yet.');
}

async function hasRecordAfter(
  replayed: string,
  received: string,
  { options, layout, program }: Promotion,
): Promise<boolean> {
  const { epoch: timeline } = await positionAt({ options, layout }, received);
  const dump = program('pg_waldump', '--path', layout.walFolder, '--timeline', String(timeline), '--limit', '1');
  const result = await options.processes.run({ ...dump, arguments: [...dump.arguments, '--start', replayed] }, DUMP_MS);
  // Only its own word that there is none is proof.
  return !/could not find a valid record|could not find file/.test(result.stderr);
}

/**
 * Promotes a running replica onto the timeline whose number is the epoch. PostgreSQL takes the number after the highest
 * history file that it finds in a row, so empty files fill the gap; they stay, for replicas fetch them.
 */
export async function promoteOnto(epoch: number, promotion: Promotion): Promise<void> {
  const { options, layout, control } = promotion;
  const present = await options.files.list(layout.walFolder);
  const beyond = present
    .filter((name) => /^[0-9A-F]{8}\.history$/.test(name))
    .map((name) => Number.parseInt(name.slice(0, 8), 16))
    .filter((timeline) => timeline >= epoch);
  if (beyond.length > 0) {
    throw new DriverError(
      'refused',
      `The log knows timeline ${Math.max(...beyond)}; epoch ${epoch} cannot begin on it.`,
    );
  }
  for (let timeline = 2; timeline < epoch; timeline++) {
    const name = historyFileName(timeline);
    if (present.includes(name)) continue;
    await options.files.writeDurably(join(layout.walFolder, name), '', { mode: 0o600, owner: options.owner });
  }
  await options.files.syncFolder(layout.walFolder);

  await control.query('select pg_promote(false)');
  const deadline = options.clock.monotonicMs() + PROMOTE_MS;
  while (await isReplica(control)) {
    if (options.clock.monotonicMs() > deadline) throw new DriverError('unavailable', 'The promotion takes too long.');
    await sleep(options, POLL_MS);
  }
  const timeline = await ownTimeline(control);
  if (timeline !== epoch) {
    throw new DriverError('failed', `The promotion for epoch ${epoch} ended on timeline ${timeline}.`);
  }
}
