// The server's process: started, adopted, watched and stopped. It outlives the agent that started it. Whenever it is
// started it is a replica of nobody, and its door is shut.
import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DriverError, type DriverOptions } from '../driver.ts';
import type { Client } from './client.ts';
import type { Layout } from './layout.ts';

/** Data of a whole guest's memory are read. */
const START_TIMEOUT_MS = 600_000;
const POLL_MS = 10;
const WATCH_POLL_MS = 100;
/** A snapshot of all data is written. */
const STOP_MS = 15_000;
const KILL_MS = 5_000;
const LOG_BYTES = 16 * 1024 * 1024;
const LOG_TAIL_CHARACTERS = 600;
const PROGRAM = 'redis-server';

export class RedisServer {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #client: Client;
  #pid: number | undefined;
  #isStopping = false;
  #crash: () => void = () => {};

  constructor(options: DriverOptions, layout: Layout, client: Client) {
    this.#options = options;
    this.#layout = layout;
    this.#client = client;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  onCrash(call: () => void): void {
    this.#crash = call;
  }

  /** Takes over a server that runs in our data directory; false when none does. */
  async adopt(): Promise<boolean> {
    const text = await this.#options.files.readIfThere(this.#layout.pidFile);
    const pid = Number.parseInt(text ?? '', 10);
    if (!Number.isSafeInteger(pid) || pid <= 1 || !(await this.#lives(pid))) return false;
    this.#pid = pid;
    this.#watch(pid);
    return true;
  }

  /** Starts the server and answers when it has read its data. @throws DriverError */
  async start(from: 'log' | 'snapshot'): Promise<void> {
    await this.clear();
    await this.limitLog();
    this.#isStopping = true;
    const { bin, libraryPath } = this.#options.engine;
    const environment: Record<string, string> = libraryPath === null ? {} : { LD_LIBRARY_PATH: libraryPath };
    const started = await this.#options.processes.start(
      {
        path: join(bin, PROGRAM),
        arguments: [this.#layout.configFile, '--appendonly', from === 'log' ? 'yes' : 'no'],
        folder: this.#layout.data,
        environment: { ...environment, LC_ALL: 'C.UTF-8' },
      },
      this.#layout.logFile,
    );
    this.#pid = started.pid;
    void started.exited.then(() => this.#ended(started.pid));
    await this.#untilReady(started.pid);
    this.#isStopping = false;
  }

  /** Ends the server in order, with a snapshot; true when it is whole. */
  async stop(): Promise<boolean> {
    this.#isStopping = true;
    const pid = this.#pid;
    let isOrderly = false;
    if (pid !== undefined) {
      // It answers with nothing but its end; an answer is a refusal.
      await this.#client.call('SHUTDOWN', 'SAVE').then(
        () => undefined,
        () => undefined,
      );
      isOrderly = await this.#gone(pid, STOP_MS);
      if (!isOrderly) this.#options.log.warn({ pid }, 'The database did not stop in time; ending it at once.');
    }
    this.#client.close();
    await this.clear();
    this.#pid = undefined;
    return isOrderly && (await this.#hasSaved());
  }

  async cutPower(): Promise<void> {
    this.#isStopping = true;
    this.#client.close();
    for (const pid of await this.#options.processes.inFolder(this.#layout.data)) {
      this.#options.processes.signal(pid, 'SIGKILL');
    }
  }

  /** Ends whatever still writes into the data directory. */
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
      await sleep(this.#options, POLL_MS);
    }
    await files.remove(this.#layout.pidFile);
    await files.remove(this.#layout.socket);
  }

  release(): void {
    this.#isStopping = true;
    this.#pid = undefined;
    this.#client.close();
  }

  /** The server only appends, so the file may be cut under it. */
  async limitLog(): Promise<void> {
    const { files } = this.#options;
    if (((await files.size(this.#layout.logFile)) ?? 0) > LOG_BYTES) await files.clear(this.#layout.logFile);
  }

  async #untilReady(pid: number): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.monotonicMs() + START_TIMEOUT_MS;
    while (this.#pid === pid && clock.monotonicMs() < deadline) {
      const info = await this.#client.info('persistence').catch(() => undefined);
      if (info?.get('loading') === '0') return;
      this.#client.close();
      await sleep(this.#options, POLL_MS);
    }
    const tail = (await this.#options.files.readIfThere(this.#layout.logFile))?.slice(-LOG_TAIL_CHARACTERS) ?? '';
    this.#options.log.warn({ tail }, 'The database did not start.');
    throw new DriverError('unavailable', `The database did not start: ${lastComplaint(tail)}`);
  }

  /** What its log says last of a snapshot at the end. */
  async #hasSaved(): Promise<boolean> {
    const tail = (await this.#options.files.readIfThere(this.#layout.logFile))?.slice(-LOG_TAIL_CHARACTERS) ?? '';
    return /DB saved on disk.*bye bye/s.test(tail);
  }

  async #programName(): Promise<string> {
    // Debian's is a link to another of the programs, which is what the kernel knows it by.
    return basename(await realpath(join(this.#options.engine.bin, PROGRAM)));
  }

  async #lives(pid: number): Promise<boolean> {
    return await this.#options.processes.isRunning(pid, this.#layout.data, await this.#programName());
  }

  #watch(pid: number): void {
    const look = async (): Promise<void> => {
      if (this.#pid !== pid) return;
      if (await this.#lives(pid)) this.#options.clock.after(WATCH_POLL_MS, () => void look());
      else this.#ended(pid);
    };
    this.#options.clock.after(WATCH_POLL_MS, () => void look());
  }

  #ended(pid: number): void {
    if (this.#pid !== pid) return;
    this.#pid = undefined;
    this.#client.close();
    if (!this.#isStopping) this.#crash();
  }

  async #gone(pid: number, timeoutMs: number): Promise<boolean> {
    const deadline = this.#options.clock.monotonicMs() + timeoutMs;
    while (await this.#lives(pid)) {
      if (this.#options.clock.monotonicMs() > deadline) return false;
      await sleep(this.#options, POLL_MS);
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
  const lines = log.split('\n').filter((line) => /# |Fatal|FATAL|error|Error/.test(line));
  return lines.at(-1)?.replace(/^\d+:\w .*? [#*] /, '') ?? 'its log says nothing.';
}
