// Runs the tools that fetch and unpack; no shell between.
import { spawn } from 'node:child_process';

const MAX_OUTPUT_CHARACTERS = 4 * 1024 * 1024;

export interface ProgramOptions {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Who runs it; undefined when that is ourselves. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

export interface ProgramOutput {
  /** Undefined when the program does not exist or was ended. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export function runProgram(path: string, args: readonly string[], options: ProgramOptions): Promise<ProgramOutput> {
  return new Promise((resolve) => {
    const child = spawn(path, args, {
      cwd: options.folder,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid ?? options.uid }),
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-MAX_OUTPUT_CHARACTERS);
      });
    }
    child.once('error', (error) => resolve({ code: undefined, stdout: '', stderr: error.message }));
    child.once('close', (code) => resolve({ code: code ?? undefined, ...output }));
  });
}
