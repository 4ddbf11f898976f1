// One federation for many cells: the product's own supervisor, on a home and ports of its own; with a preload in every
// process that it starts, when one is named. It is ended by its pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../free-ports.ts';
import { FOLDER_VARIABLE, HOME_VARIABLE } from './control.ts';
import { readFederation } from './victims.ts';
import { waitUntil } from './waiting.ts';

const START_LIMIT_MS = 180_000;
const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 60_000;
const PROBE_LIMIT_MS = 2_000;
const PEERS = 3;
/** A process that dies five times within this time of its start is given up by the supervisor. */
const SETTLED_MS = 10_500;
const MAX_SHORT_LIVES = 3;

const supervisor = fileURLToPath(new URL('../../../gateway/dist/local/main.js', import.meta.url));
/** What arms and traces the crash matrix's points. */
export const crashPoints = new URL('./preload.js', import.meta.url).href;

export type Preparation = (home: string) => () => void;

export class FederationUnderTest {
  readonly home: string;
  /** Of the files by which we speak to its processes. */
  readonly control: string;
  readonly #child: ChildProcess;
  readonly #lives = new Map<string, { pid: number; since: number; short: number }>();
  readonly #undo: (() => void) | undefined;
  #said = '';

  private constructor(
    folder: string,
    options: readonly string[],
    preload: string | undefined,
    prepare: Preparation | undefined,
  ) {
    this.home = join(folder, 'home');
    this.control = join(folder, 'control');
    for (const made of [this.home, this.control]) mkdirSync(made);
    // The database's user must be able to pass through.
    for (const opened of [folder, this.home]) chmodSync(opened, 0o755);
    this.#undo = prepare?.(this.home);
    this.#child = spawn(process.execPath, [supervisor, ...options], {
      env: {
        ...process.env,
        ARGOSY_HOME: this.home,
        ...(preload !== undefined && {
          NODE_OPTIONS: `--import=${preload}`,
          [FOLDER_VARIABLE]: this.control,
          [HOME_VARIABLE]: this.home,
        }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // Whoever ends us must not leave it running.
    process.once('exit', () => this.#child.kill('SIGTERM'));
    const log = createWriteStream(join(folder, 'supervisor.log'));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#said = line;
        log.write(`${line}\n`);
      });
    }
  }

  /**
   * `options` are those of `npm start`; `preload` is a module's URL: without `crashPoints` no point can be reached.
   * `prepare` is called with the empty home before anything runs, and what it answers before the home is removed.
   * @throws Error when it does not get ready; it is stopped then.
   */
  static async start(
    options: readonly string[] = [],
    preload?: string,
    prepare?: Preparation,
  ): Promise<FederationUnderTest> {
    const folder = mkdtempSync(join(tmpdir(), 'argosy-under-test-'));
    const federation = new FederationUnderTest(
      folder,
      ['--port-base', String(await freePorts(PEERS)), ...options],
      preload,
      prepare,
    );
    try {
      await waitUntil('the federation is ready', START_LIMIT_MS, () => {
        if (federation.hasEnded) throw new Error(`The federation ended: ${federation.#said}`);
        return federation.#said === 'argosy is ready';
      });
      return federation;
    } catch (error) {
      await federation.stop();
      throw error;
    }
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** All processes serve, and none is so young that another kill would make the supervisor give it up. */
  async ready(): Promise<void> {
    await waitUntil('all processes serve', READY_LIMIT_MS, async () => {
      const { peers, regions } = readFederation(this.home);
      const urls = [
        ...peers.map(({ rest }) => `${rest}/readyz`),
        ...regions.flatMap(({ admin, identity }) => [`${admin}/healthz`, identity]),
      ];
      const answers = await Promise.all(urls.map((url) => isServing(url)));
      return answers.every(Boolean) && this.#areSettled();
    });
  }

  /** Ends it, as Ctrl-C does. What it leaves is kept when `keep` says so. */
  async stop(keep = false): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGTERM');
    await waitUntil('the federation has ended', STOP_LIMIT_MS, () => this.hasEnded).catch((error: unknown) => {
      this.#child.kill('SIGKILL');
      throw error;
    });
    if (keep) return;
    this.#undo?.();
    rmSync(join(this.home, '..'), { recursive: true, force: true });
  }

  logOf(name: string): string {
    return readFileSync(join(this.home, 'logs', `${name}.log`), 'utf8');
  }

  #areSettled(): boolean {
    const { peers, regions } = readFederation(this.home);
    const pids = [
      ...peers.map(({ id, pid }) => [`gateway-${id}`, pid] as const),
      ...regions.flatMap(({ name, pid, microcloud_pid }) => [
        [`executor-${name}`, pid] as const,
        [`microcloud-${name}`, microcloud_pid] as const,
      ]),
    ];
    return pids.map(([name, pid]) => this.#isSettled(name, pid ?? 0)).every(Boolean);
  }

  #isSettled(name: string, pid: number): boolean {
    const now = performance.now();
    const life = this.#lives.get(name);
    if (life?.pid !== pid) {
      const wasShort = life !== undefined && now - life.since < SETTLED_MS;
      this.#lives.set(name, { pid, since: now, short: wasShort ? life.short + 1 : 0 });
    }
    const { since, short } = this.#lives.get(name) ?? { since: now, short: 0 };
    return short < MAX_SHORT_LIVES || now - since > SETTLED_MS;
  }
}

async function isServing(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    return false;
  }
}
