// The processes that the supervisor starts. One that ends is started again, a little later each time; one that keeps
// failing at its start is given up, because a loop of failures helps nobody.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Clock, Timer } from '@argosy/proto';
import { findProcess, type ProcessRef } from './process-table.ts';

/** What to run. */
export interface ChildSpec {
  readonly name: string;
  /** The arguments for node: a script and its own. */
  readonly command: readonly string[];
  /** Words before node: what enters a namespace. */
  readonly prefix?: readonly string[];
  readonly logFile: string;
}

export interface ChildrenOptions {
  readonly clock: Clock;
  readonly environment: NodeJS.ProcessEnv;
  readonly onStarted: (name: string, pid: number) => void;
  /** A child ended and will be started again. */
  readonly onEnded: (name: string, how: string, againInMs: number) => void;
  /** A child failed too often right after its start, and is not started again. */
  readonly onGivenUp: (spec: ChildSpec, how: string) => void;
  readonly backoff?: Backoff;
}

export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
  /** A life shorter than this counts as a failed start. */
  readonly failedStartMs: number;
  /** So many failed starts in a row, and the child is given up. */
  readonly failedStarts: number;
}

const DEFAULT_BACKOFF: Backoff = { firstMs: 300, longestMs: 5_000, failedStartMs: 10_000, failedStarts: 5 };

interface Running {
  readonly spec: ChildSpec;
  process: ChildProcess | undefined;
  ref: ProcessRef | undefined;
  startedMs: number;
  failures: number;
  restart: Timer | undefined;
  /** It is not started again before it is released. */
  isHeld: boolean;
}

export class Children {
  readonly #options: ChildrenOptions;
  readonly #backoff: Backoff;
  readonly #running = new Map<string, Running>();
  #isEnding = false;

  constructor(options: ChildrenOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? DEFAULT_BACKOFF;
  }

  start(spec: ChildSpec): void {
    const running: Running = {
      spec,
      process: undefined,
      ref: undefined,
      startedMs: 0,
      failures: 0,
      restart: undefined,
      isHeld: false,
    };
    this.#running.set(spec.name, running);
    this.#spawn(running);
  }

  pidOf(name: string): number | undefined {
    return this.#running.get(name)?.process?.pid;
  }

  /** Those that are alive. */
  alive(): ProcessRef[] {
    return [...this.#running.values()].flatMap((running) =>
      running.process !== undefined && running.ref !== undefined ? [running.ref] : [],
    );
  }

  /** From now on, one that ends stays ended. */
  stopRestarting(): void {
    this.#isEnding = true;
    for (const running of this.#running.values()) running.restart?.cancel();
  }

  signal(signal: NodeJS.Signals, isMeant: (name: string) => boolean = () => true): void {
    for (const { spec, process: child } of this.#running.values()) if (isMeant(spec.name)) child?.kill(signal);
  }

  /** Kills these, and leaves them dead until they are released. */
  hold(names: readonly string[]): void {
    for (const running of this.#chosen(names)) {
      running.isHeld = true;
      running.restart?.cancel();
      running.process?.kill('SIGKILL');
    }
  }

  release(names: readonly string[]): void {
    for (const running of this.#chosen(names)) {
      if (!running.isHeld) continue;
      running.isHeld = false;
      if (running.process === undefined && !this.#isEnding) this.#spawn(running);
    }
  }

  #chosen(names: readonly string[]): Running[] {
    return [...this.#running.values()].filter(({ spec }) => names.includes(spec.name));
  }

  #spawn(running: Running): void {
    const { clock, environment, onStarted } = this.#options;
    const log = openSync(running.spec.logFile, 'a', 0o600);
    // In a session of its own: Ctrl-C on the terminal is for the supervisor, which stops things in order.
    const { prefix = [], command } = running.spec;
    const [program = process.execPath, ...args] = [...prefix, process.execPath, ...command];
    const child = spawn(program, args, {
      detached: true,
      env: environment,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    running.process = child;
    running.startedMs = clock.monotonicMs();
    running.ref = child.pid === undefined ? undefined : findProcess(child.pid);
    let hasEnded = false;
    const end = (how: string): void => {
      if (hasEnded) return;
      hasEnded = true;
      running.process = undefined;
      this.#onEnd(running, how);
    };
    child.on('error', (error) => end(error.message));
    child.on('exit', (code, signal) => end(signal === null ? `exit code ${code}` : signal));
    if (child.pid !== undefined) onStarted(running.spec.name, child.pid);
  }

  #onEnd(running: Running, how: string): void {
    if (this.#isEnding || running.isHeld) return;
    const { clock, onEnded, onGivenUp } = this.#options;
    const { firstMs, longestMs, failedStartMs, failedStarts } = this.#backoff;
    const lived = clock.monotonicMs() - running.startedMs;
    running.failures = lived < failedStartMs ? running.failures + 1 : 1;
    if (running.failures >= failedStarts) {
      onGivenUp(running.spec, how);
      return;
    }
    const delayMs = Math.min(longestMs, firstMs * 2 ** (running.failures - 1));
    onEnded(running.spec.name, how, delayMs);
    running.restart = clock.after(delayMs, () => this.#spawn(running));
  }
}
