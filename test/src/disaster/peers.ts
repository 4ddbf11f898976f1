// The gateway peers of a federation under test, one by one: restarted, lost with their disks, recovered.
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FOLDER_VARIABLE } from '../crash-matrix/control.ts';
import type { FederationUnderTest } from '../crash-matrix/local-federation.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';

const END_LIMIT_MS = 15_000;
const READY_LIMIT_MS = 20_000;
const PROBE_LIMIT_MS = 2_000;
const COMMAND_LIMIT_MS = 20_000;

const commandLine = fileURLToPath(new URL('../../../gateway/dist/cli/main.js', import.meta.url));
const gateway = fileURLToPath(new URL('../../../gateway/dist/main.js', import.meta.url));
export const preload = new URL('./preload.js', import.meta.url).href;

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

export class Peers {
  readonly #federation: FederationUnderTest;
  readonly #home: string;

  constructor(federation: FederationUnderTest) {
    this.#federation = federation;
    this.#home = federation.home;
  }

  /** From its next start on. */
  upgrade(id: number): void {
    this.#mark('later', id);
  }

  downgrade(id: number): void {
    rmSync(join(this.#federation.control, `later-gateway-${id}`));
  }

  /** Ends it, and it does not start again. */
  async stop(id: number, signal: NodeJS.Signals): Promise<void> {
    this.#mark('down', id);
    await this.#end(id, signal);
  }

  letStart(id: number): void {
    rmSync(join(this.#federation.control, `down-gateway-${id}`));
  }

  /** Ends it in order; it starts again by itself. */
  async restart(id: number): Promise<void> {
    await this.#end(id, 'SIGTERM');
    await this.untilReady(id);
  }

  async untilReady(id: number): Promise<void> {
    await waitUntil(`peer ${id} is ready`, READY_LIMIT_MS, async () => (await this.readiness(id)).isReady);
  }

  /** What it says of itself; not ready when it says nothing. */
  async readiness(id: number): Promise<{ readonly isReady: boolean; readonly text: string }> {
    try {
      const answer = await fetch(`${this.rest(id)}/readyz`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
      return { text: await answer.text(), isReady: answer.status === 200 };
    } catch (error) {
      return { text: String((error as Error).cause ?? error), isReady: false };
    }
  }

  /** The id of the leader, as the first that is ready says. */
  async leader(): Promise<number> {
    for (const { id } of readFederation(this.#home).peers) {
      const { isReady, text } = await this.readiness(id);
      const leader = /Peer (\d+) leads/.exec(text)?.[1];
      if (isReady && leader !== undefined) return Number(leader);
    }
    throw new Error('No peer knows a leader.');
  }

  rest(id: number): string {
    return readFederation(this.#home).peers.find((peer) => peer.id === id)?.rest ?? '';
  }

  /** Puts its disk aside, and what its configuration is now. */
  loseDisk(id: number): void {
    renameSync(this.#disk(id), `${this.#disk(id)}.lost`);
    copyFileSync(this.configFile(id), `${this.configFile(id)}.lost`);
  }

  /** Brings back what was put aside, in place of what is there. */
  findDisk(id: number): void {
    rmSync(this.#disk(id), { recursive: true, force: true });
    renameSync(`${this.#disk(id)}.lost`, this.#disk(id));
    renameSync(`${this.configFile(id)}.lost`, this.configFile(id));
  }

  configFile(id: number): string {
    return join(this.#home, 'processes', `gateway-${id}`, 'config.json');
  }

  /** Those that its configuration names. */
  known(id: number): { readonly id: number; readonly name: string; readonly address: string }[] {
    return JSON.parse(readFileSync(this.configFile(id), 'utf8')).peers;
  }

  configure(id: number, fields: Readonly<Record<string, unknown>>): void {
    const file = this.configFile(id);
    const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...config, ...fields }, undefined, 2));
  }

  /** `gateway recover` with its configuration. */
  recover(id: number, ...joining: readonly number[]): Promise<Outcome> {
    const others = joining.flatMap((other) => ['--with', String(other)]);
    const environment = { NODE_OPTIONS: `--import=${preload}`, [FOLDER_VARIABLE]: this.#federation.control };
    return run([gateway, 'recover', ...others, '--config', this.configFile(id)], environment);
  }

  /** The command line, as the user `demo`. */
  argosy(...words: readonly string[]): Promise<Outcome> {
    return run([commandLine, ...words], { ARGOSY_HOME: this.#home });
  }

  log(id: number): string {
    return this.#federation.logOf(`gateway-${id}`);
  }

  /** The kinds of entries that only a later version knows, as often as this peer has applied them. */
  appliedOfLaterKinds(id: number): string[] {
    const file = join(this.#federation.control, `applied-gateway-${id}`);
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  #disk(id: number): string {
    return join(this.#home, 'peers', `peer-${id}`);
  }

  #mark(what: 'down' | 'later', id: number): void {
    writeFileSync(join(this.#federation.control, `${what}-gateway-${id}`), '');
  }

  async #end(id: number, signal: NodeJS.Signals): Promise<void> {
    const find = () => readFederation(this.#home).peers.find((peer) => peer.id === id)?.pid ?? undefined;
    const pid = find();
    if (pid === undefined) throw new Error(`Peer ${id} does not run.`);
    process.kill(pid, signal);
    // The supervisor has started another: this one is gone, and its ports and its directory are free.
    await waitUntil(`peer ${id} ends`, END_LIMIT_MS, () => ![pid, undefined].includes(find()));
  }
}

async function run(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Outcome> {
  const env = { ...process.env, ...environment };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env, timeout: COMMAND_LIMIT_MS });
    return { code: 0, out: stdout, error: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, error: stderr };
  }
}
