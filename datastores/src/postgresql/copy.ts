// Makes the contents of a data directory: an empty database, or a copy of the primary's. Both leave it at rest. That a
// half-done one is never used is the business of the mark that the caller sets before and takes away after.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Position } from '../definition.ts';
import { DriverError, type DriverOptions, type Upstream } from '../driver.ts';
import { readIfThere, writeDurably } from '../durable-files.ts';
import { AGENT_ROLE, conninfo, slotName } from './config.ts';
import type { Layout } from './layout.ts';
import type { PostgresServer } from './server.ts';

const INITDB_MS = 120_000;
/** A copy of a large database over a wide-area network. */
const COPY_MS = 24 * 3_600_000;
const SYNC_MS = 3_600_000;
const COMPLAINT_CHARACTERS = 300;

export interface CopyContext {
  readonly options: DriverOptions;
  readonly layout: Layout;
  readonly server: PostgresServer;
}

/** Empties the data directory; whoever still writes into it is ended first. */
export async function empty({ layout, server }: CopyContext): Promise<void> {
  await server.clear();
  for (const name of await readdir(layout.data)) await rm(join(layout.data, name), { recursive: true, force: true });
}

export async function initialiseData(context: CopyContext): Promise<void> {
  const { layout } = context;
  await run(context, INITDB_MS, 'initdb', [
    ...['--pgdata', layout.data, '--username', AGENT_ROLE, '--data-checksums', '--encoding', 'UTF8'],
    ...['--locale', 'C.UTF-8', '--auth-local', 'peer', '--auth-host', 'reject', '--no-instructions', '--no-sync'],
  ]);
  await finish(context);
}

/** Copies the primary's data and answers where the copy ends. */
export async function copyData(context: CopyContext, source: Upstream): Promise<Position> {
  const { layout, options } = context;
  await run(context, COPY_MS, 'pg_basebackup', [
    ...['--pgdata', layout.data, '--wal-method', 'stream', '--checkpoint', 'fast', '--no-sync', '--no-password'],
    ...['--slot', slotName(options.memberId), '--dbname', conninfo(source, layout, 'argosy copy')],
  ]);
  const manifest = (await readIfThere(join(layout.data, 'backup_manifest'))) ?? '';
  await finish(context);
  return readManifestEnd(manifest);
}

/** Where a copy ends, by its manifest. @throws Error when it does not say. */
export function readManifestEnd(manifest: string): Position {
  // The list of files may be long; what is wanted stands behind it.
  const range = /"Timeline":\s*(\d+),\s*"Start-LSN":\s*"[^"]+",\s*"End-LSN":\s*"([^"]+)"/.exec(
    manifest.slice(manifest.lastIndexOf('"WAL-Ranges"')),
  );
  if (range === null) throw new Error('The manifest of the copy does not say where it ends.');
  return { epoch: Number(range[1]), value: range[2] ?? '' };
}

async function finish(context: CopyContext): Promise<void> {
  const { layout, options, server } = context;
  await writeDurably(layout.autoConfigFile, '', { mode: 0o600, owner: options.owner });
  await server.putAtRest();
  await sync(context);
}

/**
 * Everything to disk by one syncfs(2) of the volume (`sync --file-system`, GNU coreutils): since Linux 5.8 it tells of
 * every failed write. A thousand fsyncs, one for each file, take ten times as long.
 */
async function sync({ options, layout }: CopyContext): Promise<void> {
  const program = { path: 'sync', arguments: ['--file-system', layout.data], folder: layout.data, environment: {} };
  expectSuccess('sync', await options.processes.run(program, SYNC_MS));
}

async function run(context: CopyContext, timeoutMs: number, name: string, args: readonly string[]): Promise<void> {
  expectSuccess(name, await context.options.processes.run(context.server.program(name, ...args), timeoutMs));
}

/** @throws DriverError `unavailable` with the end of what the program complained of */
function expectSuccess(name: string, result: { readonly code: number | null; readonly stderr: string }): void {
  if (result.code === 0) return;
  const complaint = result.stderr.trim().slice(-COMPLAINT_CHARACTERS);
  throw new DriverError('unavailable', `${name} ended with ${result.code ?? 'a signal'}: ${complaint}`);
}
