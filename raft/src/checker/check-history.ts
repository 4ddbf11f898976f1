// `npm run raft:check-history -- FILE...`: one line for each file, with its verdict.
import { readFileSync } from 'node:fs';
import { parseJepsenLog } from './jepsen-log.ts';
import { checkLinearizability } from './linearizability.ts';
import { registerModel } from './register.ts';

/** Returns the exit status: 0 unless a file could not be read or is no history; verdicts do not change it. */
export function checkHistories(
  files: readonly string[],
  print: (line: string) => void,
  complain: (line: string) => void,
): number {
  if (files.length === 0) {
    complain('Which histories? Name at least one file.');
    return 1;
  }
  let status = 0;
  for (const file of files) {
    try {
      const history = parseJepsenLog(readFileSync(file, 'utf8'));
      print(`${file} ${checkLinearizability(registerModel, history)}`);
    } catch (error) {
      complain(`${file}: ${(error as Error).message}`);
      status = 1;
    }
  }
  return status;
}
