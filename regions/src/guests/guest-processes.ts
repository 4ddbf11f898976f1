// Starts and ends the processes that play servers. Each is detached in a session of its own with a clean environment
// and outlives microcloud; it is known again by its pid and start time, and by its run directory.
import { spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Clock, pause } from '@argosy/proto';
import { endMarked, findProcess, isAlive, type ProcessRef } from './process-table.ts';

/** A guest that ends within this time has failed to boot. */
const BOOT_MS = 250;
const RUN_MARK = 'ARGOSY_RUN_DIRECTORY';
/** A run directory's name is short because a Unix socket's path is limited to 107 bytes. */
const SHORT_ID_LENGTH = 8;

/** A server, as far as its processes go. */
export interface Guest {
  readonly id: string;
  readonly userData: string;
  readonly process: ProcessRef | null;
}

/** Where guests are kept, and what each of them runs. */
export interface GuestSettings {
  /** Of the consoles. */
  readonly directory: string;
  readonly runDirectory: string;
  readonly serverCommand: readonly string[];
  readonly lifeline?: string | undefined;
  readonly enginesFile?: string | undefined;
  readonly databaseUser?: string | undefined;
}

export interface StartOptions {
  readonly address: string;
  /** Of a volume that is attached already, as it is at a boot of the host. */
  readonly volumePath: string | undefined;
  /** Called when the process exists, before it is known whether it boots. */
  readonly onStarted: (process: ProcessRef) => void;
}

export class GuestProcesses {
  readonly #config: GuestSettings;
  readonly #host: { readonly path: string };
  readonly #clock: Clock;

  constructor(config: GuestSettings, host: { readonly path: string }, clock: Clock) {
    this.#config = config;
    this.#host = host;
    this.#clock = clock;
  }

  /** Where the volume appears when it is attached. */
  volumeLink(server: Guest): string {
    return join(this.#runDirectory(server), 'volume');
  }

  isRunning(server: Guest): boolean {
    return server.process !== null && isAlive(server.process);
  }

  /** The new process; undefined when it ended while it booted. */
  async start(server: Guest, options: StartOptions): Promise<ProcessRef | undefined> {
    const [command = '', ...args] = this.#config.serverCommand;
    const directory = this.#prepare(server, options.volumePath);
    const console = openSync(this.#consolePath(server), 'a', 0o600);
    let exited = false;
    try {
      const child = spawn(command, args, {
        detached: true,
        cwd: directory,
        env: this.#environment(server, options.address),
        stdio: ['ignore', console, console],
      });
      child.on('error', () => {
        exited = true;
      });
      child.on('exit', () => {
        exited = true;
      });
      child.unref();
      const process = child.pid === undefined ? undefined : findProcess(child.pid);
      if (process !== undefined) options.onStarted(process);
      await pause(this.#clock, BOOT_MS);
      return exited || process === undefined || !isAlive(process) ? undefined : process;
    } finally {
      closeSync(console);
    }
  }

  /** Ends all processes of a server. Answers false when some cannot be ended. */
  end(server: Guest, volumePath: string | undefined): Promise<boolean> {
    return endMarked(
      {
        main: server.process ?? undefined,
        variable: RUN_MARK,
        runDirectory: this.#runDirectory(server),
        volume: volumePath === undefined ? undefined : realPath(volumePath),
      },
      this.#clock,
    );
  }

  /** Removes what is left of a server that has ended. */
  clean(server: Guest): void {
    rmSync(this.#runDirectory(server), { recursive: true, force: true });
    rmSync(this.#consolePath(server), { force: true });
  }

  #prepare(server: Guest, volumePath: string | undefined): string {
    const directory = this.#runDirectory(server);
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o755);
    mkdirSync(dirname(this.#consolePath(server)), { recursive: true });
    writeFileSync(join(directory, 'user-data'), server.userData, { mode: 0o600 });
    rmSync(this.volumeLink(server), { force: true });
    if (volumePath !== undefined) symlinkSync(volumePath, this.volumeLink(server));
    return directory;
  }

  #environment(server: Guest, address: string): Record<string, string> {
    const directory = this.#runDirectory(server);
    const { lifeline, enginesFile, databaseUser } = this.#config;
    return {
      PATH: this.#host.path,
      HOME: directory,
      [RUN_MARK]: directory,
      ARGOSY_USER_DATA: join(directory, 'user-data'),
      ARGOSY_VOLUME: this.volumeLink(server),
      ARGOSY_ADDRESS: address,
      ...(enginesFile === undefined ? {} : { ARGOSY_ENGINES_FILE: enginesFile }),
      ...(lifeline === undefined ? {} : { ARGOSY_LIFELINE: lifeline }),
      ...(databaseUser === undefined ? {} : { ARGOSY_DATABASE_USER: databaseUser }),
    };
  }

  #runDirectory(server: Guest): string {
    return join(this.#config.runDirectory, server.id.slice(0, SHORT_ID_LENGTH));
  }

  #consolePath(server: Guest): string {
    return join(this.#config.directory, 'consoles', `${server.id}.log`);
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
