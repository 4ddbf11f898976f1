// Takes the data of a former primary back to where the cluster left its log, by pg_rewind, and brings what was changed
// since from the present primary. It is quick where a copy is long, and may fail for many reasons: then the data are
// worthless and are copied anew. The caller's mark says so while it runs.
import { join } from 'node:path';
import type { Position } from '../definition.ts';
import { DriverError, type Upstream } from '../driver.ts';
import { conninfo } from './config.ts';
import { finish } from './copy.ts';
import type { DataPlace } from './template.ts';
import { checkpointAt } from './upstream.ts';

/** All that was changed since, over a wide-area network. */
const REWIND_MS = 24 * 3_600_000;
const COMPLAINT_CHARACTERS = 300;

/** The server is stopped, cleanly, and was a standby without upstream. @throws DriverError */
export async function rewindData(context: DataPlace, source: Upstream, epoch: number): Promise<Position> {
  const { layout, options, server } = context;
  await checkpointAt(source, epoch, context);
  await options.files.writeDurably(layout.rewoundFile, JSON.stringify({ epoch }), { mode: 0o600 });
  const from = `${conninfo(source, layout, 'argosy rewind')} dbname='postgres'`;
  const rewinding = ['--target-pgdata', layout.data, '--source-server', from, '--no-ensure-shutdown', '--no-sync'];
  const result = await options.processes.run(server.program('pg_rewind', ...rewinding), REWIND_MS);
  const said = result.stderr.trim().slice(-COMPLAINT_CHARACTERS);
  if (result.code !== 0) throw new DriverError('failed', `pg_rewind ended with ${result.code ?? 'a signal'}: ${said}`);
  // It compares timelines by the control files; we know that the logs differ.
  if (/no rewind required/.test(`${result.stdout}${result.stderr}`)) {
    throw new DriverError('failed', 'pg_rewind finds nothing to rewind in a log that went another way.');
  }
  await requireFirstSegment(context);
  await finish(context);
  const { timeline, lsn } = (await server.controlFile()).minimumRecoveryEnd;
  if (timeline !== epoch) throw new DriverError('failed', `The data were rewound to timeline ${timeline}.`);
  return { epoch, value: lsn };
}

/** The epoch that the data were rewound to, until they have met its primary. */
export async function readRewound({
  layout,
  options,
}: Pick<DataPlace, 'layout' | 'options'>): Promise<number | undefined> {
  const text = await options.files.readIfThere(layout.rewoundFile);
  return text === undefined ? undefined : (JSON.parse(text) as { epoch: number }).epoch;
}

export async function forgetRewound({ layout, options }: Pick<DataPlace, 'layout' | 'options'>): Promise<void> {
  await options.files.removeDurably(layout.rewoundFile);
}

/** Replay begins at the last checkpoint before the logs parted; a primary may have put that part of its log away. */
async function requireFirstSegment({ layout, options: { files } }: DataPlace): Promise<void> {
  const label = (await files.readIfThere(join(layout.data, 'backup_label'))) ?? '';
  const segment = /^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)$/m.exec(label)?.[1];
  if (segment !== undefined && (await files.size(join(layout.walFolder, segment))) !== undefined) return;
  throw new DriverError('failed', `The primary has no segment ${segment ?? ''} of the log any more.`);
}
