// Makes the contents of a data directory: an empty database, or a copy of the primary's. That a half-done one is never used
// is the business of the mark that the caller sets before and takes away after. A copy is made by mariadb-backup, which
// reads the data directory and so must run beside it: the primary's agent streams it, over the agents' mutual TLS.
import { join } from 'node:path';
import type { Position } from '../definition.ts';
import { DriverError, type Upstream } from '../driver.ts';
import { readPosition, stateAt, writePosition, writeState } from './gtid.ts';
import type { Parts } from './parts.ts';
import type { Replica, UpstreamState } from './replica.ts';

const UNPACK_MS = 120_000;
const PREPARE_MS = 24 * 3_600_000;
const SYNC_MS = 3_600_000;
const LOG_LOOK_MS = 10;
const COMPLAINT_CHARACTERS = 400;

/** What mariadb-install-db is told, for a database and for an archive of one. */
export function installArguments(folder: string, tree: string): readonly string[] {
  return [
    ...['--no-defaults', `--basedir=${tree}`, `--datadir=${folder}`, '--auth-root-authentication-method=normal'],
    ...['--skip-test-db', '--skip-name-resolve', '--cross-bootstrap', '--innodb-log-file-size=8M'],
  ];
}

/** Empties the data directory; whoever still writes into it is ended first. */
export async function empty({ layout, options: { files }, server }: Parts): Promise<void> {
  await server.clear();
  for (const name of await files.list(layout.data)) await files.remove(join(layout.data, name));
}

export async function initialiseData(parts: Parts): Promise<void> {
  const { layout, options, server } = parts;
  const { template, bin } = options.engine;
  if (template === undefined) {
    await runTool(parts, server.program('bin/mariadb-install-db', installArguments(layout.data, bin)), UNPACK_MS);
  } else {
    const unpacking = ['--extract', '--file', template, '--directory', layout.data];
    await runTool(parts, { path: 'tar', arguments: unpacking, folder: layout.data, environment: {} }, UNPACK_MS);
  }
  await sync(parts);
}

/** The data directory of a running server, read by the user who owns it; the stream is whole when it ends without an error. */
export function streamData({ layout, options, server }: Parts, dataUser: string): AsyncIterable<Uint8Array> {
  const backup = [
    ...[`--defaults-file=${layout.configFile}`, '--backup', '--stream=xbstream', '--no-version-check'],
    ...[`--target-dir=${layout.copyFolder}`, `--socket=${layout.socket}`, `--user=${dataUser}`],
    // Commits wait while it reads the last of InnoDB's log; by itself it looks for that once a second only.
    `--log-copy-interval=${LOG_LOOK_MS}`,
  ];
  const { read } = options.processes;
  if (read === undefined) throw new DriverError('refused', 'Nothing can be copied from here.');
  return read(server.program('bin/mariadb-backup', backup, layout.copyFolder));
}

/**
 * Copies the primary's data and answers where the copy ends. Afterwards the server runs, at rest, on a log that begins
 * there: which records of each epoch came before is told to it, for that is not in the data.
 */
export async function copyData(
  parts: Parts,
  source: { readonly upstream: Upstream; readonly state: UpstreamState },
  replica: Replica,
): Promise<Position> {
  const { control } = parts;
  await unpackCopy(parts, source.upstream);
  const end = await readEnd(parts);
  await tidyCopy(parts);
  await replica.withoutUpstream();
  await control.query('reset master');
  await control.query('set global gtid_binlog_state = ?', [writeState(stateAt(source.state.log, end))]);
  await control.query('set global gtid_slave_pos = ?', [writePosition(end)]);
  // What the log began with is in it only from its next file on.
  await control.query('flush binary logs');
  return end;
}

/** What another member's data directory holds, in this one's, as after a crash that was recovered from. */
export async function unpackCopy(parts: Parts, source: Upstream): Promise<void> {
  const { layout, options, server } = parts;
  const { fetchCopy, processes } = options;
  if (fetchCopy === undefined || processes.write === undefined) {
    throw new DriverError('refused', 'There is no way to fetch a copy.');
  }
  const unpack = server.program('bin/mbstream', ['-x', '-C', layout.data]);
  const unpacked = await processes.write(unpack, fetchCopy(source));
  requireDone('mbstream', unpacked);
  const prepare = ['--prepare', `--target-dir=${layout.data}`];
  await runTool(parts, server.program('bin/mariadb-backup', prepare, layout.copyFolder), PREPARE_MS);
}

/** Takes away what belongs to the copying and not to the data; then all is on the disk. */
export async function tidyCopy(parts: Parts): Promise<void> {
  const { layout, options } = parts;
  for (const name of await options.files.list(layout.data)) {
    if (/^(xtrabackup_|mariadb_backup_|backup-my\.cnf$|ib_buffer_pool$|relay|master\.info|binlog)/.test(name)) {
      await options.files.remove(join(layout.data, name));
    }
  }
  await sync(parts);
}

async function readEnd({ layout, options }: Parts): Promise<Position> {
  for (const name of ['mariadb_backup_binlog_info', 'xtrabackup_binlog_info']) {
    const text = await options.files.readIfThere(join(layout.data, name));
    const gtid = text?.trim().split('\t')[2];
    if (gtid !== undefined) return readPosition(gtid);
  }
  throw new DriverError('failed', 'The copy does not say where it ends.');
}

/**
 * Everything to disk by one syncfs(2) of the volume (`sync --file-system`, GNU coreutils): since Linux 5.8 it tells of
 * every failed write.
 */
async function sync(parts: Parts): Promise<void> {
  const { data } = parts.layout;
  const program = { path: 'sync', arguments: ['--file-system', data], folder: data, environment: {} };
  await runTool(parts, program, SYNC_MS);
}

async function runTool(
  { options }: Parts,
  program: Parameters<Parts['options']['processes']['run']>[0],
  timeoutMs: number,
): Promise<void> {
  requireDone(program.path, await options.processes.run(program, timeoutMs));
}

function requireDone(name: string, result: { readonly code: number | null; readonly stderr: string }): void {
  if (result.code === 0) return;
  const complaint = result.stderr.trim().slice(-COMPLAINT_CHARACTERS);
  throw new DriverError('unavailable', `${name} ended with ${result.code ?? 'a signal'}: ${complaint}`);
}
