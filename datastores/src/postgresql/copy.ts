// Makes the contents of a data directory: an empty database, or a copy of the primary's. Both leave it at rest. That a
// half-done one is never used is the business of the mark that the caller sets before and takes away after.
import { join } from 'node:path';
import type { Position } from '../definition.ts';
import type { Upstream } from '../driver.ts';
import { conninfo, slotName } from './config.ts';
import { runTool } from './programs.ts';
import { type DataPlace, makeEmptyDatabase } from './template.ts';

/** A copy of a large database over a wide-area network. */
const COPY_MS = 24 * 3_600_000;
const SYNC_MS = 3_600_000;

/** Empties the data directory; whoever still writes into it is ended first. */
export async function empty({ layout, options: { files }, server }: DataPlace): Promise<void> {
  await server.clear();
  await files.removeDurably(layout.rewoundFile);
  for (const name of await files.list(layout.data)) await files.remove(join(layout.data, name));
}

export async function initialiseData(context: DataPlace): Promise<void> {
  await makeEmptyDatabase(context);
  await finish(context);
}

/** Copies the primary's data and answers where the copy ends. */
export async function copyData(context: DataPlace, source: Upstream): Promise<Position> {
  const { layout, options, server } = context;
  const copying = [
    ...['--pgdata', layout.data, '--wal-method', 'stream', '--checkpoint', 'fast', '--no-sync', '--no-password'],
    ...['--slot', slotName(options.memberId), '--dbname', conninfo(source, layout, 'argosy copy')],
  ];
  await runTool(options, server.program('pg_basebackup', ...copying), COPY_MS);
  const manifest = (await options.files.readIfThere(join(layout.data, 'backup_manifest'))) ?? '';
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

/** None of the source's settings, at rest, and all of it on the disk. */
export async function finish(context: DataPlace): Promise<void> {
  const { layout, options, server } = context;
  await options.files.writeDurably(layout.autoConfigFile, '', { mode: 0o600, owner: options.owner });
  await server.putAtRest();
  await sync(context);
}

/**
 * Everything to disk by one syncfs(2) of the volume (`sync --file-system`, GNU coreutils): since Linux 5.8 it tells of
 * every failed write. A thousand fsyncs, one for each file, take ten times as long.
 */
async function sync({ options, layout }: DataPlace): Promise<void> {
  const program = { path: 'sync', arguments: ['--file-system', layout.data], folder: layout.data, environment: {} };
  await runTool(options, program, SYNC_MS);
}
