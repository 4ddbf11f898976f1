// Data that were unpacked from a template, and a log that has been whole since: whoever has the same template needs only the
// log to become a copy, for start statements are the only thing that is not in it, and each server makes them for itself. That
// is a tenth of what mariadb-backup takes for a database that is almost empty, and it holds up no commit.
import type { Upstream } from '../driver.ts';
import type { Parts } from './parts.ts';

/** Of a log that is longer a copy of the data is made sooner than it is read. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;
const FIRST_LOG = 'binlog.000001';
const MODE = 0o600;

/** What names the content of this member's template; undefined without one. */
async function ownTemplate({ options: { engine, files } }: Parts): Promise<string | undefined> {
  if (engine.template === undefined) return undefined;
  return (await files.readIfThere(`${engine.template}.sha256`))?.trim();
}

/** The data have just been unpacked from the template, and nothing was ever done to them. */
export async function recordBirth(parts: Parts): Promise<void> {
  const template = await ownTemplate(parts);
  if (template === undefined) return;
  await parts.options.files.writeDurably(parts.layout.birthFile, template, { mode: MODE });
}

/** Before the data become others. */
export async function forgetBirth({ layout, options }: Parts): Promise<void> {
  await options.files.removeDurably(layout.birthFile);
}

/** The template that this member's log makes the data of; empty when the log does not. */
export async function tellBirth({ control, layout, options, server }: Parts): Promise<string> {
  const template = await options.files.readIfThere(layout.birthFile);
  if (template === undefined || server.pid === undefined) return '';
  const logs = await control.query('show binary logs');
  const bytes = logs.reduce((sum, { File_size: size }) => sum + Number(size), 0);
  return logs[0]?.Log_name === FIRST_LOG && bytes <= MAX_LOG_BYTES ? template : '';
}

/** False as well when the upstream cannot tell: then its data are copied. */
export async function isBornAlike(parts: Parts, upstream: Upstream): Promise<boolean> {
  const template = await ownTemplate(parts);
  const { shareOf, log } = parts.options;
  if (template === undefined || shareOf === undefined) return false;
  try {
    return (await shareOf(upstream)) === template;
  } catch (error) {
    log.warn({ error, memberId: upstream.memberId }, 'The primary does not tell what its data began as.');
    return false;
  }
}
