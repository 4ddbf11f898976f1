// What a replica received and has not applied yet: it is acknowledged, so it must never be thrown away. The server does
// just that with what it received, by every START SLAVE that finds neither of its threads running (as after a crash), by
// CHANGE MASTER and by RESET SLAVE, because it counts on its upstream to send it again; the upstream may be dead. So it is
// applied first, each time: by a running thread, or, after a start, from the very record after the last one applied,
// without the positions that would have it thrown away.
import { join } from 'node:path';
import { DriverError } from '../driver.ts';
import { sleep } from '../server-process.ts';
import type { Row } from './connection.ts';
import { readPosition } from './gtid.ts';
import type { Parts } from './parts.ts';
import { comparePositions } from './positions.ts';

/** Of what was received, much may have to be applied yet. */
const APPLY_MS = 600_000;
const STOP_MS = 60_000;
const LIST_MS = 60_000;
const POLL_MS = 5;
/** A file of what was received is at most as large as one of the log. */
const EVENTS_A_PAGE = 20_000;

/** What the server says of its upstream; undefined when it has none. */
export async function replicaStatus({ control }: Pick<Parts, 'control'>): Promise<Row | undefined> {
  const [row] = await control.query('show all slaves status');
  return row;
}

/** Ends the thread that receives, and sees that it is gone. It does not come back by itself, also not after a start. */
export async function endReceiver({ control }: Pick<Parts, 'control'>): Promise<void> {
  if ((await replicaStatus({ control })) === undefined) return;
  await control.query('stop slave io_thread', [], STOP_MS);
  const threads = await control.query("select id from information_schema.processlist where command = 'Slave_IO'");
  const status = await replicaStatus({ control });
  if (threads.length > 0 || (status !== undefined && status.Slave_IO_Running !== 'No')) {
    throw new DriverError('unavailable', 'The thread that receives from the old primary does not end.');
  }
}

/**
 * Leaves the upstream for good, with all that was received from it applied: the log then ends where it ended for whoever
 * was acknowledged. @throws DriverError when it cannot be applied
 */
export async function leaveUpstream(parts: Parts): Promise<void> {
  const { control } = parts;
  await endReceiver(parts);
  const status = await replicaStatus(parts);
  if (status !== undefined) {
    if (status.Slave_SQL_Running === 'No' && status.Last_SQL_Errno === 0) await applyFromFiles(parts);
    await untilApplied(parts);
    await control.query('stop slave', [], STOP_MS);
    await control.query('reset slave all', [], STOP_MS);
  }
  const [row] = await control.query('select @@gtid_binlog_pos as log, @@gtid_slave_pos as applied');
  if (row?.log !== row?.applied) await control.query('set global gtid_slave_pos = @@gtid_binlog_pos');
}

/** The applying thread has done all that is there. */
async function untilApplied(parts: Parts): Promise<void> {
  const deadline = parts.options.clock.monotonicMs() + APPLY_MS;
  for (;;) {
    const status = await replicaStatus(parts);
    if (status === undefined) return;
    if (Number(status.Last_SQL_Errno) !== 0) {
      throw new DriverError('failed', `What was received cannot be applied: ${String(status.Last_SQL_Error)}`);
    }
    if (status.Slave_SQL_Running === 'No') return;
    if (String(status.Slave_SQL_Running_State).startsWith('Slave has read all relay log')) return;
    if (parts.options.clock.monotonicMs() > deadline) {
      throw new DriverError('unavailable', 'What was received is not applied to its end yet.');
    }
    await sleep(parts.options, POLL_MS);
  }
}

/** Neither thread runs: looks for the first record that is not applied, and has the server go on from there. */
async function applyFromFiles(parts: Parts): Promise<void> {
  const { control } = parts;
  const [row] = await control.query('select @@gtid_slave_pos as applied');
  const applied = readPosition(String(row?.applied));
  for (const file of await receivedFiles(parts)) {
    for (let skipped = 0; ; skipped += EVENTS_A_PAGE) {
      const page = `show relaylog events in '${file}' limit ${skipped}, ${EVENTS_A_PAGE}`;
      const events = await control.query(page, [], LIST_MS);
      for (const { Pos, Event_type, Info } of events) {
        const gtid = Event_type === 'Gtid' ? /GTID (\d+-\d+-\d+)/.exec(String(Info))?.[1] : undefined;
        if (gtid === undefined || comparePositions(readPosition(gtid), applied) <= 0) continue;
        await control.query(
          `change master to master_use_gtid = no, relay_log_file = '${file}', relay_log_pos = ${Number(Pos)}`,
        );
        await control.query('start slave sql_thread');
        return;
      }
      if (events.length < EVENTS_A_PAGE) break;
    }
  }
}

async function receivedFiles({ options, layout }: Parts): Promise<string[]> {
  const index = (await options.files.readIfThere(join(layout.data, 'relay.index'))) ?? '';
  const names = index.split('\n').map((line) => line.trim().replace(/^\.\//, ''));
  return names.filter((name) => /^relay\.\d+$/.test(name));
}
