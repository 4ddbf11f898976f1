// Programs that run to their end.

import { basename } from 'node:path';
import { DriverError, type DriverOptions, type Program } from '../driver.ts';

const COMPLAINT_CHARACTERS = 300;

/** @throws DriverError `unavailable` with the end of what the program complained of */
export async function runTool(
  { processes }: Pick<DriverOptions, 'processes'>,
  program: Program,
  timeoutMs: number,
): Promise<void> {
  const result = await processes.run(program, timeoutMs);
  if (result.code === 0) return;
  const complaint = result.stderr.trim().slice(-COMPLAINT_CHARACTERS);
  throw new DriverError(
    'unavailable',
    `${basename(program.path)} ended with ${result.code ?? 'a signal'}: ${complaint}`,
  );
}
