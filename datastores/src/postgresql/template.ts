// An empty database: made by initdb, or out of an archive of what initdb made, which takes a tenth of the time. Databases
// out of one archive would share their system identifier, and with it the right to copy each other: each gets its own.
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DriverError, type DriverOptions } from '../driver.ts';
import { AGENT_ROLE } from './config.ts';
import { withSystemIdentifier } from './control-file.ts';
import type { Layout } from './layout.ts';
import { runTool } from './programs.ts';
import type { PostgresServer } from './server.ts';

const INITDB_MS = 120_000;
const UNPACK_MS = 120_000;
const RESET_MS = 120_000;

export interface DataPlace {
  readonly options: DriverOptions;
  readonly layout: Layout;
  readonly server: PostgresServer;
}

/** What initdb is told, for a database and for an archive of one; nothing is synced. */
export function initdbArguments(folder: string): readonly string[] {
  return [
    ...['--pgdata', folder, '--username', AGENT_ROLE, '--data-checksums', '--encoding', 'UTF8'],
    ...['--locale', 'C.UTF-8', '--auth-local', 'peer', '--auth-host', 'reject', '--no-instructions', '--no-sync'],
  ];
}

/** Makes an empty database in the data directory, which is empty. @throws DriverError */
export async function makeEmptyDatabase(place: DataPlace): Promise<void> {
  const { layout, options, server } = place;
  const { template } = options.engine;
  if (template === undefined) {
    await runTool(options, server.program('initdb', ...initdbArguments(layout.data)), INITDB_MS);
    return;
  }
  const unpacking = ['--extract', '--file', template, '--directory', layout.data];
  const program = { path: 'tar', arguments: unpacking, folder: layout.data, environment: {} };
  await runTool(options, program, UNPACK_MS);
  await giveIdentifier(place, identifierOf(options.clusterId));
}

/** In the control file, then by pg_resetwal in a new log, for each segment of the log names its database too. */
async function giveIdentifier({ layout, options, server }: DataPlace, identifier: bigint): Promise<void> {
  const path = join(layout.data, 'global/pg_control');
  const control = withSystemIdentifier(await readFile(path), identifier);
  // Written in place, for the database's user owns it; a half-written one is in a directory that is marked incomplete.
  const file = await open(path, 'r+');
  try {
    await file.write(control, 0, control.length, 0);
  } finally {
    await file.close();
  }
  await runTool(options, server.program('pg_resetwal', '--pgdata', layout.data), RESET_MS);
  const { systemIdentifier } = await server.controlFile();
  if (systemIdentifier !== identifier) {
    throw new DriverError('failed', `The database has the system identifier ${systemIdentifier} of its template.`);
  }
}

/** Of 64 bits, never zero. */
function identifierOf(clusterId: string): bigint {
  return createHash('sha256').update(clusterId).digest().readBigUInt64LE(0) | 1n;
}
