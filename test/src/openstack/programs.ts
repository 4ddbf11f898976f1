// Python programs of a deployment: each started as a child that ends with us, and ended by its own pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OpenStackUnavailable } from './config.ts';

/** Debian's own: the packages are for no other. */
export const PYTHON = '/usr/bin/python3';
const SCRIPTS = fileURLToPath(new URL('../../openstack/', import.meta.url));
/** Heat does not always end when it is told to. */
const TERMINATE_MS = 3_000;
const SHOWN_LINES = 12;

export class Program {
  readonly name: string;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  #how: string | undefined;

  /** Starts `script` of ours; what it prints goes to `logFile`. */
  constructor(name: string, args: readonly [script: string, ...args: string[]], logFile: string) {
    this.name = name;
    this.logFile = logFile;
    const [script, ...others] = args;
    const log = openSync(logFile, 'a', 0o600);
    this.#child = spawn(PYTHON, [`${SCRIPTS}${script}`, ...others], {
      env: environment(),
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void this.#ended.then((how) => {
      this.#how = how;
    });
  }

  get pid(): number | undefined {
    return this.#how === undefined ? this.#child.pid : undefined;
  }

  /** How it ended; undefined while it lives. */
  get how(): string | undefined {
    return this.#how;
  }

  ended(): Promise<string> {
    return this.#ended;
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name);
  }

  async stop(): Promise<void> {
    // One that was stopped hears nothing else.
    this.#child.kill('SIGCONT');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), TERMINATE_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** The error that its end, or its silence, is. */
  failure(what: string): OpenStackUnavailable {
    const lines = readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-SHOWN_LINES);
    const how = this.#how === undefined ? '' : ` (${this.#how})`;
    return new OpenStackUnavailable([`${this.name} ${what}${how}. Its log is ${this.logFile}:`, ...lines].join('\n'));
  }
}

/** Runs a script of ours to its end. @throws OpenStackUnavailable with what it printed last */
export async function runToEnd(
  name: string,
  args: readonly [script: string, ...args: string[]],
  logFile: string,
): Promise<void> {
  const program = new Program(name, args, logFile);
  if ((await program.ended()) !== 'exit code 0') throw program.failure('failed');
}

function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG, ARGOSY_LIFELINE } = process.env;
  return {
    ...{ PATH, HOME, LANG },
    // By this a local federation knows its processes.
    ...(ARGOSY_LIFELINE === undefined ? {} : { ARGOSY_LIFELINE }),
    ARGOSY_PARENT: String(process.pid),
    // The scripts stand in the repository, which a run must leave as it is.
    PYTHONDONTWRITEBYTECODE: '1',
  };
}
