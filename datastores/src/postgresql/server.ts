// The server's process: started, adopted, watched and stopped. It outlives the agent that started it; the next agent
// finds it by postmaster.pid and /proc. On disk it is a standby without upstream whenever it does not run: standby.signal
// is away only for the moment in which a primary reads it.
import { join } from 'node:path';
import { DriverError, type DriverOptions, type Program } from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import { ServerProcess, sleep } from '../server-process.ts';
import { Connection } from './connection.ts';
import { type ControlFile, readControlFile } from './control-file.ts';
import type { Layout } from './layout.ts';
import { PARAMETERS } from './parameters.ts';

/** Crash recovery replays up to `max_wal_size` and more. */
const START_TIMEOUT_MS = 600_000;
const START_POLL_MS = 20;
const WATCH_POLL_MS = 250;
/** A fast stop waits for replicas to have everything, at most `wal_sender_timeout` for one that is hung. */
const FAST_STOP_MS = 20_000;
const IMMEDIATE_STOP_MS = 5_000;
const KILL_MS = 5_000;
const STOP_POLL_MS = 20;
const CONTROL_FILE_MS = 10_000;
const LOG_TAIL_CHARACTERS = 600;
const PROGRAM = 'postgres';

export class PostgresServer {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #process: ServerProcess;

  readonly #parameters: () => ParameterValues;

  constructor(options: DriverOptions, layout: Layout, parameters: () => ParameterValues) {
    this.#options = options;
    this.#layout = layout;
    this.#parameters = parameters;
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

  /** A program of this engine, to be run in the data directory. */
  program(name: string, ...args: readonly string[]): Program {
    const { bin, libraryPath } = this.#options.engine;
    const environment: Record<string, string> = { LC_ALL: 'C.UTF-8', PGCONNECT_TIMEOUT: '5' };
    if (libraryPath !== null) environment.LD_LIBRARY_PATH = libraryPath;
    return { path: join(bin, name), arguments: args, folder: this.#layout.data, environment };
  }

  /** Takes over a server that runs in our data directory; false when none does. */
  async adopt(): Promise<boolean> {
    const text = await this.#options.files.readIfThere(join(this.#layout.data, 'postmaster.pid'));
    const pid = Number.parseInt(text?.split('\n')[0] ?? '', 10);
    return await this.#process.adopt(pid);
  }

  /** Starts the server and answers when it accepts connections. @throws DriverError */
  async start(role: 'primary' | 'standby', timeoutMs = START_TIMEOUT_MS): Promise<void> {
    await this.clear();
    await this.limitLog();
    if (role === 'standby') await this.putAtRest();
    else await this.#options.files.removeDurably(this.#layout.standbySignal);
    await this.#removeGaps();
    // Until it is ready, its end is this call's failure and no crash.
    this.#process.isEnding = true;
    try {
      const settings = [`config_file=${this.#layout.configFile}`, ...(role === 'standby' ? await this.#needs() : [])];
      const program = this.program(PROGRAM, '-D', this.#layout.data, ...settings.flatMap((text) => ['-c', text]));
      await this.#untilReady(await this.#process.start(program), timeoutMs);
      this.#process.isEnding = false;
    } finally {
      await this.putAtRest();
    }
  }

  /** Fast, then immediate, then by force; afterwards nothing of ours writes into the data directory. */
  async stop(): Promise<void> {
    this.#process.isEnding = true;
    const { pid } = this.#process;
    if (pid !== undefined) {
      const { processes } = this.#options;
      processes.signal(pid, 'SIGINT');
      if (!(await this.#process.gone(pid, FAST_STOP_MS))) {
        this.#options.log.warn({ pid }, 'The database did not stop in time; stopping it at once.');
        processes.signal(pid, 'SIGQUIT');
        await this.#process.gone(pid, IMMEDIATE_STOP_MS);
      }
    }
    await this.clear();
    this.#process.forget();
  }

  /** Kills the postmaster first, so that it starts nothing anew, and then all that works in the data directory. */
  async cutPower(): Promise<void> {
    await this.#process.cutPower();
  }

  /** Ends what a dead postmaster left behind, and only then takes its lock away. */
  async clear(): Promise<void> {
    const { processes, clock, files } = this.#options;
    const deadline = clock.monotonicMs() + KILL_MS;
    for (let round = 0; ; round++) {
      const left = await processes.inFolder(this.#layout.data);
      if (left.length === 0) break;
      if (clock.monotonicMs() > deadline) {
        throw new DriverError('failed', `Processes ${left.join(', ')} still hold the data directory.`);
      }
      // Children notice by themselves that their postmaster died; the first rounds leave them the time.
      if (round >= 10) for (const pid of left) processes.signal(pid, round >= 50 ? 'SIGKILL' : 'SIGQUIT');
      await sleep(this.#options, STOP_POLL_MS);
    }
    // The locks name a process id that may live on as a zombie, or be somebody else's by now.
    await files.remove(join(this.#layout.socketFolder, `.s.PGSQL.${this.#options.serverPort}.lock`));
    await files.removeDurably(join(this.#layout.data, 'postmaster.pid')).catch(ignoreMissingFolder);
  }

  /** A data directory that nobody starts as a primary. */
  async putAtRest(): Promise<void> {
    if ((await this.#options.files.readIfThere(join(this.#layout.data, 'PG_VERSION'))) === undefined) return;
    if ((await this.#options.files.readIfThere(this.#layout.standbySignal)) !== undefined) return;
    await this.#options.files.writeDurably(this.#layout.standbySignal, '', { mode: 0o600, owner: this.#options.owner });
  }

  /** @throws DriverError `failed` when there is no data directory */
  async controlFile(): Promise<ControlFile> {
    const program = this.program('pg_controldata', this.#layout.data);
    const result = await this.#options.processes.run(program, CONTROL_FILE_MS);
    if (result.code !== 0) throw new DriverError('failed', 'The data directory has no readable control file.');
    return readControlFile(result.stdout);
  }

  /** What a standby cannot do with less of than its primary, who may have been told of more. */
  async #needs(): Promise<string[]> {
    const { room } = await this.controlFile();
    return Object.entries(room)
      .filter(([name, needed]) => needed > Number(this.#parameters()[name] ?? PARAMETERS[name]?.default))
      .map(([name, needed]) => `${name}=${needed}`);
  }

  /**
   * A promotion fills the numbers between two timelines with empty histories. Empty ones with nothing behind them are
   * what was left of one that was broken off: the server would take the last of them for a timeline to go over to.
   */
  async #removeGaps(): Promise<void> {
    const { files } = this.#options;
    const names = (await files.list(this.#layout.walFolder)).filter((name) => /^[0-9A-F]{8}\.history$/.test(name));
    for (const name of names.sort().reverse()) {
      const path = join(this.#layout.walFolder, name);
      if ((await files.size(path)) !== 0) return;
      await files.removeDurably(path);
    }
  }

  /** Forgets a running server without stopping it. */
  release(): void {
    this.#process.release();
  }

  /** Tells the server to read its files again. */
  reload(): void {
    const { pid } = this.#process;
    if (pid !== undefined) this.#options.processes.signal(pid, 'SIGHUP');
  }

  async limitLog(): Promise<void> {
    await this.#process.limitLog();
  }

  async #untilReady(pid: number, timeoutMs: number): Promise<void> {
    const { clock, serverPort: port, session } = this.#options;
    const { socketFolder } = this.#layout;
    const deadline = clock.monotonicMs() + timeoutMs;
    const connection = new Connection({ socketFolder, port, clock, session, synchronousCommit: 'local' });
    try {
      while (this.#process.pid === pid) {
        const isReady = await connection.query('select 1').then(
          () => true,
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

/** Not that it turned a client away, which says nothing of the reason. */
function lastComplaint(log: string): string {
  const lines = log
    .split('\n')
    .filter((line) => /FATAL|PANIC|ERROR|could not/.test(line) && !/FATAL: {2}the database system is/.test(line));
  return lines.at(-1) ?? 'its log says nothing.';
}

function ignoreMissingFolder(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
