// How a member comes to run with other parameters. What is being tried is marked on the volume first: an agent that dies in
// the middle begins with those that were in force, and whoever asks next knows that the server may run with either. A
// server that does not start with them starts with those of before.
import { needsRestart, type ParameterDefinition } from '@argosy/datastores';
import type { ServerDriver } from '@argosy/datastores/drivers';
import type { CommandHeader, SetParametersRequest, SetParametersResponse } from '@argosy/proto';
import type { Logger } from 'pino';
import { refused } from './admission.ts';
import type { StateFile } from './state.ts';

export interface ParametersParts {
  readonly file: StateFile;
  readonly driver: ServerDriver;
  /** Makes the server what it is to be, and the epoch of that; undefined while it is nothing. */
  readonly takeUp: (() => Promise<void>) | undefined;
  readonly epoch: number | undefined;
  readonly log: Logger;
  readonly definitions: Readonly<Record<string, ParameterDefinition>>;
  /** Keeps the member from taking up its role by itself; and lets it. */
  readonly hold: () => void;
  readonly resume: () => void;
}

type Values = Readonly<Record<string, string>>;

/** @throws CommandError when the server does not start with them; DriverError */
export async function setParameters(
  parts: ParametersParts,
  header: CommandHeader,
  { generation, values, mayRestart }: SetParametersRequest,
): Promise<SetParametersResponse> {
  const { file, driver, definitions, takeUp, epoch } = parts;
  const { parameters: now } = file.state;
  const { specRevision } = header;
  const isInDoubt = now.trying !== null && needsRestart(definitions, now.trying, values);
  const mustRestart = driver.isRunning() && (isInDoubt || needsRestart(definitions, now.values, values));
  if (mustRestart && takeUp !== undefined) {
    if (!mayRestart || epoch !== header.epoch) return { restartNeeded: true };
    await file.change({ specRevision, parameters: { ...now, trying: values } });
    await restart(parts, takeUp, values);
  } else {
    // Without a role a server that runs is only a standby without upstream: it begins anew when it is told what it is.
    if (mustRestart) await driver.stop();
    await driver.configure(values);
  }
  await file.change({ specRevision, parameters: { generation, values, trying: null } });
  return { restartNeeded: false };
}

async function restart(parts: ParametersParts, takeUp: () => Promise<void>, values: Values): Promise<void> {
  const { file, driver, log, hold, resume } = parts;
  const { parameters: now } = file.state;
  hold();
  try {
    await begin(driver, takeUp, values);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ error, values }, 'The database does not start with these parameters; it gets those of before.');
    try {
      await begin(driver, takeUp, now.values);
    } catch (later) {
      log.error({ error: later }, 'The database does not start with those of before either; trying on.');
      resume();
    }
    await file.change({ parameters: { ...now, trying: null } });
    throw refused(`The database does not start with these parameters, and has those of before again: ${reason}`);
  }
}

async function begin(driver: ServerDriver, takeUp: () => Promise<void>, values: Values): Promise<void> {
  await driver.stop();
  await driver.configure(values);
  await takeUp();
}
