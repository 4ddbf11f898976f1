// The server's process: started, adopted, watched and stopped. It outlives the agent that started it; the next agent finds
// it by its pid file and /proc. Whatever starts, starts at rest: what makes it a primary is told to the running server.
import { join } from 'node:path';
import { DriverError, type DriverOptions, type Program } from '../driver.ts';
import { Connection } from './connection.ts';
import type { Layout } from './layout.ts';

/** Recovery reads the whole log of changes. */
const START_TIMEOUT_MS = 600_000;
const START_POLL_MS = 15;
const WATCH_POLL_MS = 100;
const CLEAN_STOP_MS = 30_000;
const KILL_MS = 10_000;
const STOP_POLL_MS = 15;
const LOG_BYTES = 16 * 1024 * 1024;
const LOG_TAIL_CHARACTERS = 2_000;
const PROGRAM = 'mariadbd';
/** The server makes a file of 12 MiB whenever it starts; on a full disk it would wait for room, and tell nobody. */
const LEAST_FREE_BYTES = 24 * 1024 * 1024;

export class MariadbServer {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  #pid: number | undefined;
  #isStopping = false;
  #crash: () => void = () => {};

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#layout = layout;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  onCrash(call: () => void): void {
    this.#crash = call;
  }

  /** A program of this engine, by its place in the engine's tree, to be run in `folder`. */
  program(name: string, args: readonly string[], folder = this.#layout.data): Program {
    const { bin, libraryPath } = this.#options.engine;
    const environment: Record<string, string> = { LC_ALL: 'C.UTF-8', TZ: 'UTC' };
    if (libraryPath !== null) environment.LD_LIBRARY_PATH = libraryPath;
    return { path: join(bin, name), arguments: args, folder, environment };
  }

  /** Takes over a server that runs in our data directory; false when none does. */
  async adopt(): Promise<boolean> {
    const text = await this.#options.files.readIfThere(this.#layout.pidFile);
    const pid = Number.parseInt(text ?? '', 10);
    if (!Number.isSafeInteger(pid) || pid <= 1) return false;
    if (!(await this.#options.processes.isRunning(pid, this.#layout.data, PROGRAM))) return false;
    this.#pid = pid;
    this.#watch(pid);
    return true;
  }

  /** Starts the server, at rest, and answers when it accepts connections. @throws DriverError */
  async start(extra: readonly string[] = []): Promise<void> {
    await this.clear();
    await this.limitLog();
    await this.#requireRoom();
    // Until it is ready, its end is this call's failure and no crash.
    this.#isStopping = true;
    const program = this.program('sbin/mariadbd', [`--defaults-file=${this.#layout.configFile}`, ...extra]);
    const started = await this.#options.processes.start(program, this.#layout.logFile);
    this.#pid = started.pid;
    void started.exited.then(() => this.#ended(started.pid));
    await this.#untilReady(started.pid);
    this.#isStopping = false;
  }

  /** Cleanly, then by force; afterwards nothing of ours writes into the data directory. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const pid = this.#pid;
    if (pid !== undefined) {
      this.#options.processes.signal(pid, 'SIGTERM');
      if (!(await this.#gone(pid, CLEAN_STOP_MS))) {
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
    this.#isStopping = true;
    await this.#kill();
  }

  async cutPower(): Promise<void> {
    this.#isStopping = true;
    const { processes } = this.#options;
    if (this.#pid !== undefined) processes.signal(this.#pid, 'SIGKILL');
    for (const pid of await processes.inFolder(this.#layout.data)) processes.signal(pid, 'SIGKILL');
  }

  /** Ends what still runs in the data directory, and only then takes its lock away. */
  async clear(): Promise<void> {
    const { processes, clock, files } = this.#options;
    const deadline = clock.monotonicMs() + KILL_MS;
    for (;;) {
      const left = await processes.inFolder(this.#layout.data);
      if (left.length === 0) break;
      if (clock.monotonicMs() > deadline) {
        throw new DriverError('failed', `Processes ${left.join(', ')} still hold the data directory.`);
      }
      for (const pid of left) processes.signal(pid, 'SIGKILL');
      await sleep(this.#options, STOP_POLL_MS);
    }
    await files.remove(this.#layout.pidFile);
  }

  /** Forgets a running server without stopping it. */
  release(): void {
    this.#isStopping = true;
    this.#pid = undefined;
  }

  /** The server only appends, so the file may be cut under it. */
  async limitLog(): Promise<void> {
    const { files } = this.#options;
    const size = (await files.size(this.#layout.logFile)) ?? 0;
    if (size > LOG_BYTES) await files.clear(this.#layout.logFile);
  }

  async #requireRoom(): Promise<void> {
    const free = await this.#options.files.freeBytes(this.#layout.data);
    if (free >= LEAST_FREE_BYTES) return;
    throw new DriverError('unavailable', 'The volume has no room for the database to start: make it larger.');
  }

  async #kill(): Promise<void> {
    if (this.#pid !== undefined) this.#options.processes.signal(this.#pid, 'SIGKILL');
    await this.clear();
    this.#pid = undefined;
  }

  async #untilReady(pid: number): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.monotonicMs() + START_TIMEOUT_MS;
    const connection = new Connection({ layout: this.#layout, clock, user: this.#options.owner.agentUser });
    try {
      while (this.#pid === pid) {
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
    const tail = (await this.#options.files.readIfThere(this.#layout.logFile))?.slice(-LOG_TAIL_CHARACTERS) ?? '';
    this.#options.log.warn({ tail }, 'The database did not start.');
    throw new DriverError('unavailable', `The database did not start: ${lastComplaint(tail)}`);
  }

  #watch(pid: number): void {
    // It is not our child, so nobody tells us when it ends.
    const look = async (): Promise<void> => {
      if (this.#pid !== pid) return;
      if (await this.#options.processes.isRunning(pid, this.#layout.data, PROGRAM)) {
        this.#options.clock.after(WATCH_POLL_MS, () => void look());
      } else {
        this.#ended(pid);
      }
    };
    this.#options.clock.after(WATCH_POLL_MS, () => void look());
  }

  #ended(pid: number): void {
    if (this.#pid !== pid) return;
    this.#pid = undefined;
    if (!this.#isStopping) this.#crash();
  }

  async #gone(pid: number, timeoutMs: number): Promise<boolean> {
    const deadline = this.#options.clock.monotonicMs() + timeoutMs;
    while (await this.#options.processes.isRunning(pid, this.#layout.data, PROGRAM)) {
      if (this.#options.clock.monotonicMs() > deadline) return false;
      await sleep(this.#options, STOP_POLL_MS);
    }
    return true;
  }
}

/** Waits on the driver's clock. */
export function sleep(options: Pick<DriverOptions, 'clock'>, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    options.clock.after(delayMs, resolve);
  });
}

function lastComplaint(log: string): string {
  const lines = log.split('\n').filter((line) => /\[ERROR\]/.test(line));
  // The last ones only say that it gives up.
  return lines.find((line) => !/Aborting|Plugin/.test(line)) ?? lines.at(-1) ?? 'its log says nothing.';
}
