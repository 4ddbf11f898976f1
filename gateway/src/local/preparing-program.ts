// Programs of other packages that make something available on this machine: progress on stderr, the outcome as the
// last line on stdout.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { StartError } from './errors.ts';

const KEPT_LINES = 20;

export interface PreparingProgram {
  /** What is missing when it fails. */
  readonly what: string;
  /** The script and its arguments. */
  readonly command: readonly string[];
  readonly limitMs: number;
  /** One line at a time of what it is doing. */
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs it to its end. Returns its last line. @throws StartError, or the signal's reason when it is aborted */
export async function runPreparing(program: PreparingProgram): Promise<string> {
  const { what, command, limitMs, onProgress, signal } = program;
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMs, signal });
  const errors: string[] = [];
  let last = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    errors.push(line);
    if (errors.length > KEPT_LINES) errors.shift();
    onProgress(line);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    last = line;
  });
  const how = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, ending) => resolve(code === 0 ? undefined : `exit ${code ?? ending}`));
  });
  signal.throwIfAborted();
  if (how !== undefined) throw new StartError(`${what} (${how}):\n${errors.join('\n')}`);
  return last;
}
