// One server's process: started, taken over, stopped, and missed when it ends by itself.
import { join } from 'node:path';
import { DriverError, type DriverOptions } from '../driver.ts';
import { hostAndPort } from '../host-and-port.ts';
import type { ParameterValues } from '../parameters.ts';
import { endAllIn, ServerProcess, sleep } from '../server-process.ts';
import { PEER_PORT } from './definition.ts';
import type { Layout } from './layout.ts';

const POLL_MS = 20;
const WATCH_POLL_MS = 100;
const STOP_MS = 15_000;
const KILL_MS = 5_000;
/** One that ends at once says why in its log. */
const EARLY_MS = 400;
const LOG_TAIL_CHARACTERS = 4_000;
export const PROGRAM = 'etcd';

/** How the server comes to its place among the engine's own; of no effect once it has data. */
export interface Place {
  readonly cluster: string;
}

export class EtcdServer {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #process: ServerProcess;

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#layout = layout;
    this.#process = new ServerProcess({
      ...{ options, folder: layout.data, logFile: layout.logFile, program: PROGRAM },
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
    for (const pid of await this.#options.processes.inFolder(this.#layout.data)) {
      if (!(await this.#process.adopt(pid))) continue;
      this.#process.isEnding = false;
      return true;
    }
    return false;
  }

  /** @throws DriverError when it ends at once */
  async start(parameters: ParameterValues, place?: Place): Promise<void> {
    await this.clear();
    await this.limitLog();
    this.#process.isEnding = true;
    const pid = await this.#process.start({
      path: join(this.#options.engine.bin, PROGRAM),
      arguments: serverArguments(this.#options, this.#layout, { parameters, place }),
      folder: this.#layout.data,
      environment: environmentOf(this.#options),
    });
    await sleep(this.#options, EARLY_MS);
    this.#process.isEnding = false;
    if (this.#process.pid !== pid) {
      throw new DriverError('unavailable', `etcd did not start: ${await this.complaint()}`);
    }
  }

  async stop(): Promise<void> {
    this.#process.isEnding = true;
    const { pid } = this.#process;
    if (pid !== undefined) {
      this.#options.processes.signal(pid, 'SIGTERM');
      await this.#process.gone(pid, STOP_MS);
    }
    await this.clear();
    this.#process.forget();
  }

  async cutPower(): Promise<void> {
    await this.#process.cutPower();
  }

  /** Ends whatever still writes into the data directory. */
  async clear(): Promise<void> {
    await endIn(this.#layout.data, this.#options);
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
    const lines = tail.split('\n').filter((line) => /"level":"(error|fatal|panic)"|panic: /.test(line));
    return lines.at(-1)?.slice(0, LOG_TAIL_CHARACTERS / 8) ?? 'its log says nothing.';
  }
}

export function peerUrlOf({ address }: { readonly address: string }): string {
  return `https://${hostAndPort(address, PEER_PORT)}`;
}

export function environmentOf({ engine }: DriverOptions): Record<string, string> {
  return { LC_ALL: 'C.UTF-8', ...(engine.libraryPath === null ? {} : { LD_LIBRARY_PATH: engine.libraryPath }) };
}

/** Ends every process that runs in a folder. @throws DriverError when one does not end */
export async function endIn(folder: string, options: Pick<DriverOptions, 'processes' | 'clock'>): Promise<void> {
  await endAllIn(folder, options, { limitMs: KILL_MS, pollMs: POLL_MS, named: folder });
}

function serverArguments(
  { clusterId, memberId, address, port }: DriverOptions,
  layout: Layout,
  { parameters, place }: { readonly parameters: ParameterValues; readonly place: Place | undefined },
): string[] {
  const client = `https://${hostAndPort(address, port)}`;
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
