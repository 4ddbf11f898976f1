// Parameters of a running server: written with what the files say already, read by the server, and taken back when it
// does not take them.
import { DriverError } from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import type { ReplicationSettings } from './config.ts';
import type { Connection } from './connection.ts';
import type { Door } from './door.ts';
import type { MemberFiles } from './member-files.ts';

export interface ConfigureParts {
  readonly files: MemberFiles;
  readonly door: Door;
  readonly control: Connection;
}

/**
 * `possible` are the settings of replication that the files may say; they stay as they are.
 * @throws DriverError `refused` with those of before in force; `unavailable` while the member changes its role
 */
export async function reconfigure(
  { files, door, control }: ConfigureParts,
  parameters: ParameterValues,
  possible: readonly ReplicationSettings[],
): Promise<void> {
  const before = files.parameters;
  const replication = await first(possible, (each) => files.say(each));
  if (replication === undefined) throw new DriverError('unavailable', 'The member is taking up its role: ask again.');
  files.parameters = parameters;
  await files.write(replication);
  await door.reload(control);
  // One that waits for a restart is told as an error too; whoever asked sees to that.
  const wrong = await control.query(
    `select f.name, f.error from pg_file_settings f left join pg_settings s using (name)
      where f.error is not null and f.name = any($1) and s.context is distinct from 'postmaster'`,
    [Object.keys(parameters)],
  );
  if (wrong.length === 0) return;
  files.parameters = before;
  await files.write(replication);
  await door.reload(control);
  const reasons = wrong.map(({ name, error }) => `${name}: ${error}`).join('; ');
  throw new DriverError('refused', `The database does not take these parameters (${reasons}); it has those of before.`);
}

async function first<Item>(items: readonly Item[], isIt: (item: Item) => Promise<boolean>): Promise<Item | undefined> {
  for (const item of items) if (await isIt(item)) return item;
  return undefined;
}
