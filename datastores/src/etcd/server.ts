// One server's process: started, taken over, stopped, and missed when it ends by itself.
import { join } from 'node:path';
import { DriverError, type DriverOptions } from '../driver.ts';
import type { ParameterValues } from '../parameters.ts';
import { etcd } from './definition.ts';
import type { Layout } from './layout.ts';

const POLL_MS = 20;
const WATCH_POLL_MS = 100;
const STOP_MS = 15_000;
const KILL_MS = 5_000;
/** One that ends at once says why in its log. */
const EARLY_MS = 400;
const LOG_BYTES = 16 * 1024 * 1024;
const LOG_TAIL_CHARACTERS = 4_000;
export const PROGRAM = 'etcd';

/** How the server comes to its place among the engine's own; of no effect once it has data. */
export interface Place {
  readonly cluster: string;
}

export class EtcdServer {
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

  /** Takes over a server that runs in our data directory; false when none does. */
  async adopt(): Promise<boolean> {
    for (const pid of await this.#options.processes.inFolder(this.#layout.data)) {
      if (!(await this.#lives(pid))) continue;
      this.#pid = pid;
      this.#isStopping = false;
      this.#watch(pid);
      return true;
    }
    return false;
  }

  /** @throws DriverError when it ends at once */
  async start(parameters: ParameterValues, place?: Place): Promise<void> {
    await this.clear();
    await this.limitLog();
    const { processes, engine } = this.#options;
    const started = await processes.start(
      {
        path: join(engine.bin, PROGRAM),
        arguments: serverArguments(this.#options, this.#layout, { parameters, place }),
        folder: this.#layout.data,
        environment: environmentOf(this.#options),
      },
      this.#layout.logFile,
    );
    this.#pid = started.pid;
    this.#isStopping = true;
    void started.exited.then(() => this.#ended(started.pid));
    await sleep(this.#options, EARLY_MS);
    this.#isStopping = false;
    if (this.#pid !== started.pid)
      throw new DriverError('unavailable', `etcd did not start: ${await this.complaint()}`);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const pid = this.#pid;
    if (pid !== undefined) {
      this.#options.processes.signal(pid, 'SIGTERM');
      const deadline = this.#options.clock.monotonicMs() + STOP_MS;
      while ((await this.#lives(pid)) && this.#options.clock.monotonicMs() < deadline)
        await sleep(this.#options, POLL_MS);
    }
    await this.clear();
    this.#pid = undefined;
  }

  async cutPower(): Promise<void> {
    this.#isStopping = true;
    for (const pid of await this.#options.processes.inFolder(this.#layout.data)) {
      this.#options.processes.signal(pid, 'SIGKILL');
    }
  }

  /** Ends whatever still writes into the data directory. */
  async clear(): Promise<void> {
    await endAllIn(this.#layout.data, this.#options);
  }

  release(): void {
    this.#isStopping = true;
    this.#pid = undefined;
  }

  /** The server only appends, so the file may be cut under it. */
  async limitLog(): Promise<void> {
    const { files } = this.#options;
    if (((await files.size(this.#layout.logFile)) ?? 0) > LOG_BYTES) await files.clear(this.#layout.logFile);
  }

  /** What the log says last of what is amiss. */
  async complaint(): Promise<string> {
    const tail = (await this.#options.files.readIfThere(this.#layout.logFile))?.slice(-LOG_TAIL_CHARACTERS) ?? '';
    const lines = tail.split('\n').filter((line) => /"level":"(error|fatal|panic)"|panic: /.test(line));
    return lines.at(-1)?.slice(0, LOG_TAIL_CHARACTERS / 8) ?? 'its log says nothing.';
  }

  async #lives(pid: number): Promise<boolean> {
    return await this.#options.processes.isRunning(pid, this.#layout.data, PROGRAM);
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
    if (!this.#isStopping) this.#crash();
  }
}

export function peerUrlOf({ address }: { readonly address: string }): string {
  return `https://${hostOf(address)}:${etcd.peerPort}`;
}

export function environmentOf({ engine }: DriverOptions): Record<string, string> {
  return { LC_ALL: 'C.UTF-8', ...(engine.libraryPath === null ? {} : { LD_LIBRARY_PATH: engine.libraryPath }) };
}

/** Waits on the driver's clock. */
export function sleep(options: Pick<DriverOptions, 'clock'>, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    options.clock.after(delayMs, resolve);
  });
}

/** Ends every process that runs in a folder. @throws DriverError when one does not end */
export async function endAllIn(folder: string, options: Pick<DriverOptions, 'processes' | 'clock'>): Promise<void> {
  const { processes, clock } = options;
  const deadline = clock.monotonicMs() + KILL_MS;
  for (;;) {
    const left = await processes.inFolder(folder);
    if (left.length === 0) return;
    if (clock.monotonicMs() > deadline) {
      throw new DriverError('failed', `Processes ${left.join(', ')} still hold ${folder}.`);
    }
    for (const pid of left) processes.signal(pid, 'SIGKILL');
    await sleep(options, POLL_MS);
  }
}

function serverArguments(
  { clusterId, memberId, address, port }: DriverOptions,
  layout: Layout,
  { parameters, place }: { readonly parameters: ParameterValues; readonly place: Place | undefined },
): string[] {
  const client = `https://${hostOf(address)}:${port}`;
  const peer = peerUrlOf({ address });
  const options: Record<string, string> = {
    ...{ name: memberId, 'data-dir': layout.data, logger: 'zap', 'log-outputs': 'stderr' },
    ...{ 'listen-client-urls': client, 'advertise-client-urls': client },
    ...{ 'cert-file': layout.certificateFile, 'key-file': layout.keyFile },
    ...{ 'listen-peer-urls': peer, 'initial-advertise-peer-urls': peer },
    ...{ 'peer-cert-file': layout.certificateFile, 'peer-key-file': layout.keyFile },
    ...{ 'peer-client-cert-auth': 'true', 'peer-trusted-ca-file': layout.rootFile },
    // Every member of every cluster has a certificate of this root; those of a cluster share its name. Where a connection
    // comes from proves nothing: it may be translated.
    ...{ 'peer-cert-allowed-cn': clusterId, 'experimental-peer-skip-client-san-verification': 'true' },
    ...{ 'initial-cluster-token': clusterId, 'initial-cluster-state': 'existing' },
    ...(place === undefined ? {} : { 'initial-cluster': place.cluster }),
    ...parameters,
  };
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`);
}

function hostOf(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
