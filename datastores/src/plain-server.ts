// A server that needs nothing but to be started and ended: it is found by what runs in its data directory, and why it ended
// stands in its log.
import { DriverError, type DriverOptions, type Program } from './driver.ts';
import { endAllIn, ServerProcess, sleep } from './server-process.ts';

const POLL_MS = 20;
const WATCH_POLL_MS = 100;
const STOP_MS = 15_000;
const KILL_MS = 5_000;
/** One that ends at once says why in its log. */
const EARLY_MS = 400;
const LOG_TAIL_CHARACTERS = 4_000;
const COMPLAINT_CHARACTERS = 500;

export interface PlainServerParts {
  readonly options: DriverOptions;
  readonly layout: { readonly data: string; readonly logFile: string };
  /** The program, as the kernel knows it. */
  readonly program: string;
  /** Of lines of its log, those that tell what is amiss. */
  readonly complaints: RegExp;
}

export class PlainServer {
  readonly #parts: PlainServerParts;
  readonly #process: ServerProcess;

  constructor(parts: PlainServerParts) {
    this.#parts = parts;
    const { options, layout, program } = parts;
    this.#process = new ServerProcess({
      ...{ options, folder: layout.data, logFile: layout.logFile, program },
      ...{ pollMs: POLL_MS, watchMs: WATCH_POLL_MS },
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
    const { options, layout } = this.#parts;
    for (const pid of await options.processes.inFolder(layout.data)) {
      if (!(await this.#process.adopt(pid))) continue;
      this.#process.isEnding = false;
      return true;
    }
    return false;
  }

  /** @throws DriverError when it ends at once */
  async start(program: Program): Promise<void> {
    await this.clear();
    await this.limitLog();
    this.#process.isEnding = true;
    const pid = await this.#process.start(program);
    await sleep(this.#parts.options, EARLY_MS);
    this.#process.isEnding = false;
    if (this.#process.pid !== pid) {
      throw new DriverError('unavailable', `${this.#parts.program} did not start: ${await this.complaint()}`);
    }
  }

  /** Cleanly, then by force. */
  async stop(): Promise<void> {
    this.#process.isEnding = true;
    const { pid } = this.#process;
    if (pid !== undefined) {
      this.#parts.options.processes.signal(pid, 'SIGTERM');
      await this.#process.gone(pid, STOP_MS);
    }
    await this.clear();
    this.#process.forget();
  }

  /** By force, and missed as one that ended by itself. */
  kill(): void {
    const { pid } = this.#process;
    if (pid !== undefined) this.#parts.options.processes.signal(pid, 'SIGKILL');
  }

  async cutPower(): Promise<void> {
    await this.#process.cutPower();
  }

  /** Ends whatever still writes into the data directory. */
  async clear(): Promise<void> {
    await endIn(this.#parts.layout.data, this.#parts.options);
  }

  release(): void {
    this.#process.release();
  }

  async limitLog(): Promise<void> {
    await this.#process.limitLog();
  }

  /** What the log says last of what is amiss. */
  async complaint(): Promise<string> {
    const tail = await this.#process.logTail(LOG_TAIL_CHARACTERS);
    const lines = tail.split('\n').filter((line) => this.#parts.complaints.test(line));
    return lines.at(-1)?.slice(0, COMPLAINT_CHARACTERS) ?? 'its log says nothing.';
  }
}

/** Ends every process that runs in a folder. @throws DriverError when one does not end */
export async function endIn(folder: string, options: Pick<DriverOptions, 'processes' | 'clock'>): Promise<void> {
  await endAllIn(folder, options, { limitMs: KILL_MS, pollMs: POLL_MS, named: folder });
}
