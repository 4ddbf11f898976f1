// The process of one member's server, whatever the engine: started, taken over, missed when it ends by itself. It outlives
// the agent that started it; the next agent finds it by what runs in its data directory. All times are of the driver's
// clock.
import { DriverError, type DriverOptions, type Program } from './driver.ts';

const LOG_BYTES = 16 * 1024 * 1024;

export interface ServerProcessParts {
  readonly options: Pick<DriverOptions, 'clock' | 'files' | 'log' | 'processes'>;
  /** The data directory, in which nothing else runs. */
  readonly folder: string;
  readonly logFile: string;
  /** The program, as the kernel knows it. */
  readonly program: string | (() => Promise<string>);
  /** How often it is looked whether one that is to end has ended, and whether one that was taken over still runs. */
  readonly pollMs: number;
  readonly watchMs: number;
  /** Called when it has ended, for whatever reason, before anybody is told of a crash. */
  readonly ended?: () => void;
}

export class ServerProcess {
  readonly #parts: ServerProcessParts;
  #pid: number | undefined;
  #crash: () => void = () => {};
  /** Its end is wanted, or is the failure of its start: no crash. */
  isEnding = false;

  constructor(parts: ServerProcessParts) {
    this.#parts = parts;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  /** Calls when it ended and nobody wanted that. */
  onCrash(call: () => void): void {
    this.#crash = call;
  }

  /** Takes over the server of that id; false when it does not run in our data directory. */
  async adopt(pid: number): Promise<boolean> {
    if (!Number.isSafeInteger(pid) || pid <= 1 || !(await this.#lives(pid))) return false;
    this.#pid = pid;
    this.#watch(pid);
    return true;
  }

  /** Starts it, and answers its id. `isEnding` is for whoever waits until it is ready. */
  async start(program: Program): Promise<number> {
    const started = await this.#parts.options.processes.start(program, this.#parts.logFile);
    this.#pid = started.pid;
    void started.exited.then(() => this.#ended(started.pid));
    return started.pid;
  }

  /** It is not ours any more, whether it runs or not. */
  forget(): void {
    this.#pid = undefined;
  }

  /** Lets go of a running server without stopping it. */
  release(): void {
    this.isEnding = true;
    this.#pid = undefined;
  }

  /** False when it still runs after so many milliseconds. */
  async gone(pid: number, timeoutMs: number): Promise<boolean> {
    const { clock } = this.#parts.options;
    const deadline = clock.monotonicMs() + timeoutMs;
    while (await this.#lives(pid)) {
      if (clock.monotonicMs() > deadline) return false;
      await sleep(this.#parts.options, this.#parts.pollMs);
    }
    return true;
  }

  /** Ends the server first, so that it starts nothing anew, and then all that works in the data directory. */
  async cutPower(): Promise<void> {
    this.isEnding = true;
    const { processes } = this.#parts.options;
    if (this.#pid !== undefined) processes.signal(this.#pid, 'SIGKILL');
    for (const pid of await processes.inFolder(this.#parts.folder)) processes.signal(pid, 'SIGKILL');
  }

  /** The server only appends, so the file may be cut under it. */
  async limitLog(): Promise<void> {
    const { files } = this.#parts.options;
    const size = (await files.size(this.#parts.logFile)) ?? 0;
    if (size > LOG_BYTES) await files.clear(this.#parts.logFile);
  }

  /** The end of its log. */
  async logTail(characters: number): Promise<string> {
    return (await this.#parts.options.files.readIfThere(this.#parts.logFile))?.slice(-characters) ?? '';
  }

  /** Of a server that did not become ready: its log is told, and `complaint` says what in it is the reason. */
  async failedStart(characters: number, complaint: (tail: string) => string): Promise<DriverError> {
    const tail = await this.logTail(characters);
    this.#parts.options.log.warn({ tail }, 'The database did not start.');
    return new DriverError('unavailable', `The database did not start: ${complaint(tail)}`);
  }

  async #lives(pid: number): Promise<boolean> {
    const { options, folder, program } = this.#parts;
    return await options.processes.isRunning(pid, folder, typeof program === 'string' ? program : await program());
  }

  /** One that was taken over is not our child, so nobody tells us when it ends. */
  #watch(pid: number): void {
    const { watchMs, options } = this.#parts;
    const { clock } = options;
    const look = async (): Promise<void> => {
      if (this.#pid !== pid) return;
      if (await this.#lives(pid)) clock.after(watchMs, () => void look());
      else this.#ended(pid);
    };
    clock.after(watchMs, () => void look());
  }

  #ended(pid: number): void {
    if (this.#pid !== pid) return;
    this.#pid = undefined;
    this.#parts.ended?.();
    if (!this.isEnding) this.#crash();
  }
}

/** Ends every process that runs in a folder, which an error calls `named`. @throws DriverError `failed` when one does not end */
export async function endAllIn(
  folder: string,
  options: Pick<DriverOptions, 'processes' | 'clock'>,
  { limitMs, pollMs, named }: { readonly limitMs: number; readonly pollMs: number; readonly named: string },
): Promise<void> {
  const { processes, clock } = options;
  const deadline = clock.monotonicMs() + limitMs;
  for (;;) {
    const left = await processes.inFolder(folder);
    if (left.length === 0) return;
    if (clock.monotonicMs() > deadline) {
      throw new DriverError('failed', `Processes ${left.join(', ')} still hold ${named}.`);
    }
    for (const pid of left) processes.signal(pid, 'SIGKILL');
    await sleep(options, pollMs);
  }
}

export function sleep({ clock }: Pick<DriverOptions, 'clock'>, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
