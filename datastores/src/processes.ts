// The operating system's processes, on Linux. A database outlives the agent that started it, so it is looked for in
// /proc: a process id alone proves nothing, the folder that it runs in and its program do.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { open, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { DatabaseOwner, DriverClock, Processes, Program, ProgramResult } from './driver.ts';

/** What is kept of a program's output. */
const MAX_OUTPUT_CHARACTERS = 1024 * 1024;
const MAX_COMPLAINT_CHARACTERS = 2_000;
const LOG_MODE = 0o640;

export function systemProcesses(owner: Pick<DatabaseOwner, 'uid' | 'gid'>, clock: DriverClock): Processes {
  const identity = owner.uid === undefined ? {} : { uid: owner.uid, gid: owner.gid ?? owner.uid };
  const optionsOf = (program: Program): SpawnOptions => ({
    ...identity,
    cwd: program.folder,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...program.environment },
  });
  return {
    run: (program, timeoutMs) => run(program, optionsOf(program), { clock, timeoutMs }),
    read: (program) => read(program, optionsOf(program)),
    write: (program, input) => write(program, optionsOf(program), input),
    start: async (program, logFile) => {
      const log = await open(logFile, 'a', LOG_MODE);
      try {
        const child = spawn(program.path, program.arguments, {
          ...optionsOf(program),
          detached: true,
          stdio: ['ignore', log.fd, log.fd],
        });
        const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
        await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
        if (child.pid === undefined) throw new Error(`${program.path} has no process id.`);
        child.unref();
        return { pid: child.pid, exited };
      } finally {
        await log.close();
      }
    },
    inFolder,
    isRunning: async (pid, folder, programName) => {
      const found = await look(pid);
      return found !== undefined && found.folder === (await realpath(folder)) && found.programName === programName;
    },
    signal: (pid, signal) => {
      try {
        return process.kill(pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
        throw error;
      }
    },
  };
}

function run(
  program: Program,
  options: SpawnOptions,
  limit: { clock: DriverClock; timeoutMs: number },
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program.path, program.arguments, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-MAX_OUTPUT_CHARACTERS);
      });
    }
    const timer = limit.clock.after(limit.timeoutMs, () => child.kill('SIGKILL'));
    child.once('error', (error) => {
      timer.cancel();
      reject(error);
    });
    child.once('close', (code) => {
      timer.cancel();
      resolve({ code, ...output });
    });
  });
}

async function* read(program: Program, options: SpawnOptions): AsyncIterable<Uint8Array> {
  const child = spawn(program.path, program.arguments, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const complaint = tailOf(child.stderr);
  const ended = endOf(child);
  try {
    for await (const piece of child.stdout ?? []) yield piece as Uint8Array;
    const code = await ended;
    if (code !== 0) throw new Error(`${basename(program.path)} ended with ${code ?? 'a signal'}: ${complaint()}`);
  } finally {
    // Whoever reads may have gone.
    child.kill('SIGKILL');
  }
}

async function write(
  program: Program,
  options: SpawnOptions,
  input: AsyncIterable<Uint8Array>,
): Promise<ProgramResult> {
  const child = spawn(program.path, program.arguments, { ...options, stdio: ['pipe', 'ignore', 'pipe'] });
  const complaint = tailOf(child.stderr);
  const ended = endOf(child);
  try {
    // One that ends early is told of by its code, not by the pipe.
    if (child.stdin !== null) await pipeline(input, child.stdin).catch(forgiveBrokenPipe);
    return { code: await ended, stdout: '', stderr: complaint() };
  } finally {
    child.kill('SIGKILL');
  }
}

function endOf(child: ChildProcess): Promise<number | null> {
  const ended = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
  ended.catch(() => undefined);
  return ended;
}

function tailOf(stream: Readable | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-MAX_COMPLAINT_CHARACTERS);
  });
  return () => text.trim();
}

function forgiveBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

async function inFolder(folder: string): Promise<number[]> {
  const target = await realpath(folder);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: number[] = [];
  for (const pid of pids) {
    if (pid !== process.pid && folderOf(pid) === target && (await look(pid)) !== undefined) found.push(pid);
  }
  return found;
}

/** Read at once: /proc never makes one wait, and a turn of the event loop for each process of a machine costs far more. */
function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

/** A living process; undefined when there is none, it is a zombie, or it is another user's. */
async function look(pid: number): Promise<{ folder: string; programName: string } | undefined> {
  try {
    const folder = await readlink(`/proc/${pid}/cwd`);
    const program = await readlink(`/proc/${pid}/exe`);
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return undefined;
    return { folder, programName: basename(program.replace(/ \(deleted\)$/, '')) };
  } catch {
    return undefined;
  }
}
