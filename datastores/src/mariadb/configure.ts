// Parameters of a running server: written into its file, told to it, and taken back when it does not take them. The
// sessions that are there keep what they began with.
import { DriverError } from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import type { Connection } from './connection.ts';
import type { MemberFiles } from './member-files.ts';
import { PARAMETERS, serverValues } from './parameters.ts';

/** @throws DriverError `refused` with those of before in force */
export async function reconfigure(files: MemberFiles, parameters: ParameterValues, control: Connection): Promise<void> {
  const before = files.parameters;
  files.parameters = parameters;
  await files.write();
  try {
    await tell(control, files, before);
  } catch (error) {
    files.parameters = before;
    await files.write();
    await tell(control, files, parameters);
    const reason = error instanceof Error ? error.message : String(error);
    throw new DriverError(
      'refused',
      `The database does not take these parameters, and has those of before: ${reason}`,
      {
        cause: error,
      },
    );
  }
}

/** What differs from `known`, of that which needs no restart. */
async function tell(control: Connection, files: MemberFiles, known: ParameterValues): Promise<void> {
  const wished = serverValues({ ...files.defaults(), ...files.parameters });
  for (const [name, { restart, type }] of Object.entries(PARAMETERS)) {
    const value = wished[name];
    if (restart || value === undefined || files.parameters[name] === known[name]) continue;
    await control.query(`set global ${name} = ${type === 'choice' ? `'${value}'` : value}`);
  }
}
