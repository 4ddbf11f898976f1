// The server's process: started, adopted, watched and stopped. It outlives the agent that started it; the next agent finds
// it by its pid file and /proc. Whatever starts, starts at rest: what makes it a primary is told to the running server.
import { join } from 'node:path';
import { DriverError, type DriverOptions, type Program } from '../driver.ts';
import { endAllIn, ServerProcess, sleep } from '../server-process.ts';
import { Connection } from './connection.ts';
import type { Layout } from './layout.ts';

/** Recovery reads the whole log of changes. */
const START_TIMEOUT_MS = 600_000;
const START_POLL_MS = 15;
const WATCH_POLL_MS = 100;
const CLEAN_STOP_MS = 30_000;
const KILL_MS = 10_000;
const STOP_POLL_MS = 15;
const LOG_TAIL_CHARACTERS = 2_000;
/** One that ends at once says why in its log. */
const EARLY_MS = 300;
const PROGRAM = 'mariadbd';
/** The server makes a file of 12 MiB whenever it starts; on a full disk it would wait for room, and tell nobody. */
const LEAST_FREE_BYTES = 24 * 1024 * 1024;

export class MariadbServer {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #process: ServerProcess;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(options: DriverOptions, layout: Layout, environment: Readonly<Record<string, string>> = {}) {
    this.#options = options;
    this.#layout = layout;
    this.#environment = environment;
    this.#process = new ServerProcess({
      ...{ options, folder: layout.data, logFile: layout.logFile, program: PROGRAM },
      ...{ pollMs: STOP_POLL_MS, watchMs: WATCH_POLL_MS },
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  onCrash(call: () => void): void {
    this.#process.onCrash(call);
  }

  /** A program of this engine, by its place in the engine's tree, to be run in `folder`. */
  program(name: string, args: readonly string[], folder = this.#layout.data): Program {
    const { bin, libraryPath } = this.#options.engine;
    const environment: Record<string, string> = { LC_ALL: 'C.UTF-8', TZ: 'UTC', ...this.#environment };
    if (libraryPath !== null) environment.LD_LIBRARY_PATH = libraryPath;
    return { path: join(bin, name), arguments: args, folder, environment };
  }

  serverProgram(extra: readonly string[]): Program {
    return this.program('sbin/mariadbd', [`--defaults-file=${this.#layout.configFile}`, ...extra]);
  }

  /** Takes over a server that runs in our data directory; false when none does. */
  async adopt(): Promise<boolean> {
    const text = await this.#options.files.readIfThere(this.#layout.pidFile);
    const pid = Number.parseInt(text ?? '', 10);
    return await this.#process.adopt(pid);
  }

  /** Starts the server, at rest, and answers when it accepts connections. @throws DriverError */
  async start(extra: readonly string[] = []): Promise<void> {
    await this.#untilReady(await this.#begin(extra));
    this.#process.isEnding = false;
  }

  /** The same, without waiting until it accepts any. @throws DriverError when it ends at once */
  async launch(extra: readonly string[]): Promise<void> {
    const pid = await this.#begin(extra);
    await sleep(this.#options, EARLY_MS);
    if (this.#process.pid !== pid) throw await this.#process.failedStart(LOG_TAIL_CHARACTERS, lastComplaint);
    this.#process.isEnding = false;
  }

  /** Of a server that ended by itself: what its log says of it. */
  async complaint(): Promise<string> {
    return lastComplaint(await this.#process.logTail(LOG_TAIL_CHARACTERS));
  }

  /** Cleanly, then by force; afterwards nothing of ours writes into the data directory. */
  async stop(): Promise<void> {
    this.#process.isEnding = true;
    const { pid } = this.#process;
    if (pid !== undefined) {
      this.#options.processes.signal(pid, 'SIGTERM');
      if (!(await this.#process.gone(pid, CLEAN_STOP_MS))) {
        this.#options.log.warn({ pid }, 'The database did not stop in time; ending it by force.');
      }
    }
    await this.#kill();
  }

  /**
   * Ends the server by force, and with it every session that waits. A clean stop tells the sessions to end first, and one
   * that was waiting for its copy could answer its client before its connection is gone.
   */
  async end(): Promise<void> {
    this.#process.isEnding = true;
    await this.#kill();
  }

  async cutPower(): Promise<void> {
    await this.#process.cutPower();
  }

  /** Ends what still runs in the data directory, and only then takes its lock away. */
  async clear(): Promise<void> {
    const limits = { limitMs: KILL_MS, pollMs: STOP_POLL_MS, named: 'the data directory' };
    await endAllIn(this.#layout.data, this.#options, limits);
    await this.#options.files.remove(this.#layout.pidFile);
  }

  /** Forgets a running server without stopping it. */
  release(): void {
    this.#process.release();
  }

  async limitLog(): Promise<void> {
    await this.#process.limitLog();
  }

  /** Until it is ready, its end is the caller's failure and no crash. */
  async #begin(extra: readonly string[]): Promise<number> {
    await this.clear();
    await this.limitLog();
    await this.#requireRoom();
    this.#process.isEnding = true;
    return await this.#process.start(this.serverProgram(extra));
  }

  async #requireRoom(): Promise<void> {
    const free = await this.#options.files.freeBytes(this.#layout.data);
    if (free >= LEAST_FREE_BYTES) return;
    throw new DriverError('unavailable', 'The volume has no room for the database to start: make it larger.');
  }

  async #kill(): Promise<void> {
    const { pid } = this.#process;
    if (pid !== undefined) this.#options.processes.signal(pid, 'SIGKILL');
    await this.clear();
    this.#process.forget();
  }

  async #untilReady(pid: number): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.monotonicMs() + START_TIMEOUT_MS;
    const connection = new Connection({ layout: this.#layout, clock, user: this.#options.owner.agentUser });
    try {
      while (this.#process.pid === pid) {
        const isReady = await connection.query('select @@pid_file as file').then(
          ([row]) => row?.file === this.#layout.pidFile,
          () => false,
        );
        if (isReady) return;
        if (clock.monotonicMs() > deadline) break;
        await sleep(this.#options, START_POLL_MS);
      }
    } finally {
      connection.close();
    }
    throw await this.#process.failedStart(LOG_TAIL_CHARACTERS, lastComplaint);
  }
}

function lastComplaint(log: string): string {
  const lines = log.split('\n').filter((line) => /\[ERROR\]/.test(line));
  // The last ones only say that it gives up.
  return lines.find((line) => !/Aborting|Plugin/.test(line)) ?? lines.at(-1) ?? 'its log says nothing.';
}
