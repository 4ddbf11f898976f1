// The server's process: started, adopted, watched and stopped. It outlives the agent that started it. Whenever it is
// started it is a replica of nobody, and its door is shut.
import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DriverOptions } from '../driver.ts';
import { endAllIn, ServerProcess, sleep } from '../server-process.ts';
import type { Client } from './client.ts';
import type { Layout } from './layout.ts';

/** Data of a whole guest's memory are read. */
const START_TIMEOUT_MS = 600_000;
const POLL_MS = 10;
const WATCH_POLL_MS = 100;
/** A snapshot of all data is written. */
const STOP_MS = 15_000;
const KILL_MS = 5_000;
const LOG_TAIL_CHARACTERS = 600;
const PROGRAM = 'redis-server';

export class RedisServer {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #client: Client;
  readonly #process: ServerProcess;

  constructor(options: DriverOptions, layout: Layout, client: Client) {
    this.#options = options;
    this.#layout = layout;
    this.#client = client;
    this.#process = new ServerProcess({
      ...{ options, folder: layout.data, logFile: layout.logFile, program: () => this.#programName() },
      ...{ pollMs: POLL_MS, watchMs: WATCH_POLL_MS },
      ended: () => client.close(),
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  onCrash(call: () => void): void {
    this.#process.onCrash(call);
  }

  /** Takes over a server that runs in our data directory; false when none does. */
  async adopt(): Promise<boolean> {
    const text = await this.#options.files.readIfThere(this.#layout.pidFile);
    const pid = Number.parseInt(text ?? '', 10);
    return await this.#process.adopt(pid);
  }

  /** Starts the server and answers when it has read its data. @throws DriverError */
  async start(from: 'log' | 'snapshot'): Promise<void> {
    await this.clear();
    await this.limitLog();
    this.#process.isEnding = true;
    const { bin, libraryPath } = this.#options.engine;
    const environment: Record<string, string> = libraryPath === null ? {} : { LD_LIBRARY_PATH: libraryPath };
    const pid = await this.#process.start({
      path: join(bin, PROGRAM),
      arguments: [this.#layout.configFile, '--appendonly', from === 'log' ? 'yes' : 'no'],
      folder: this.#layout.data,
      environment: { ...environment, LC_ALL: 'C.UTF-8' },
    });
    await this.#untilReady(pid);
    this.#process.isEnding = false;
  }

  /** Ends the server in order, with a snapshot; true when it is whole. */
  async stop(): Promise<boolean> {
    this.#process.isEnding = true;
    const { pid } = this.#process;
    let isOrderly = false;
    if (pid !== undefined) {
      // It answers with nothing but its end; an answer is a refusal.
      await this.#client.call('SHUTDOWN', 'SAVE').then(
        () => undefined,
        () => undefined,
      );
      isOrderly = await this.#process.gone(pid, STOP_MS);
      if (!isOrderly) this.#options.log.warn({ pid }, 'The database did not stop in time; ending it at once.');
    }
    this.#client.close();
    await this.clear();
    this.#process.forget();
    return isOrderly && (await this.#hasSaved());
  }

  async cutPower(): Promise<void> {
    this.#client.close();
    await this.#process.cutPower();
  }

  /** Ends whatever still writes into the data directory. */
  async clear(): Promise<void> {
    const { files } = this.#options;
    const limits = { limitMs: KILL_MS, pollMs: POLL_MS, named: 'the data directory' };
    await endAllIn(this.#layout.data, this.#options, limits);
    await files.remove(this.#layout.pidFile);
    await files.remove(this.#layout.socket);
  }

  release(): void {
    this.#process.release();
    this.#client.close();
  }

  async limitLog(): Promise<void> {
    await this.#process.limitLog();
  }

  async #untilReady(pid: number): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.monotonicMs() + START_TIMEOUT_MS;
    while (this.#process.pid === pid && clock.monotonicMs() < deadline) {
      const info = await this.#client.info('persistence').catch(() => undefined);
      if (info?.get('loading') === '0') return;
      this.#client.close();
      await sleep(this.#options, POLL_MS);
    }
    throw await this.#process.failedStart(LOG_TAIL_CHARACTERS, lastComplaint);
  }

  /** What its log says last of a snapshot at the end. */
  async #hasSaved(): Promise<boolean> {
    const tail = await this.#process.logTail(LOG_TAIL_CHARACTERS);
    return /DB saved on disk.*bye bye/s.test(tail);
  }

  async #programName(): Promise<string> {
    // Debian's is a link to another of the programs, which is what the kernel knows it by.
    return basename(await realpath(join(this.#options.engine.bin, PROGRAM)));
  }
}

function lastComplaint(log: string): string {
  const lines = log.split('\n').filter((line) => /# |Fatal|FATAL|error|Error/.test(line));
  return lines.at(-1)?.replace(/^\d+:\w .*? [#*] /, '') ?? 'its log says nothing.';
}
