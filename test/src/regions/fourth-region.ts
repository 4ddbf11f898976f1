// A region beside those that a federation was started with: a microcloud and an executor of its own, whose keys are made
// and signed as an operator does it.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { argosy, runScript } from './command-line.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const EXECUTOR = 'regions/dist/executor/main.js';
const MICROCLOUD = 'regions/dist/microcloud/main.js';
const MODEL = 'north';
const NAME = 'east';
const EXECUTOR_PORT = 8792;
const SERVE_LIMIT_MS = 60_000;

type Config = Record<string, never>;

export class FourthRegion {
  readonly name = NAME;
  readonly #home: string;
  readonly #block: string;
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];

  /** On the block of the slot that no region of the federation has. */
  constructor(home: string) {
    this.#home = home;
    this.#block = `127.${4 * readFederation(home).slot}.0`;
    this.#folder = join(home, 'processes', `executor-${NAME}`);
  }

  get executor(): string {
    return `${this.#block}.3:${EXECUTOR_PORT}`;
  }

  get keystone(): string {
    return `http://${this.#block}.4:8795/v3`;
  }

  /** `executor init`, `argosy region sign`, `executor install-certificate`. */
  async enrol(): Promise<void> {
    const { federation } = this.#configOf('executor') as { federation: string };
    const signed = join(this.#home, `${NAME}.pem`);
    const [request, key] = [join(this.#folder, 'intermediate.csr'), join(this.#home, 'operator', 'root.key')];
    const sign = ['--root-certificate', join(this.#home, 'ca.pem'), '--root-key', key, '--request', request];
    for (const said of [
      await runScript(EXECUTOR, ['init', '--federation', federation, '--region', NAME, '--directory', this.#folder]),
      await argosy(this.#home, 'admin', 'region', 'sign', ...sign, '--out', signed),
      await runScript(EXECUTOR, ['install-certificate', signed, '--directory', this.#folder]),
    ]) {
      if (said.code !== 0) throw new Error(said.error);
    }
  }

  async start(): Promise<void> {
    this.#spawn(MICROCLOUD, 'microcloud', this.#microcloud());
    await this.#serves(this.keystone);
    this.#spawn(EXECUTOR, 'executor', this.#executor());
    await this.#serves(`http://${this.#block}.3:8793/healthz`);
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGTERM');
  }

  /** What the region of the federation that stands model for it has. */
  #configOf(kind: 'executor' | 'microcloud'): object {
    const file = join(this.#home, 'processes', `${kind}-${MODEL}`, 'config.json');
    return JSON.parse(readFileSync(file, 'utf8')) as object;
  }

  #microcloud(): object {
    const model = this.#configOf('microcloud') as Config & { runDirectory: string; volumesDirectory: string };
    const beside = (path: string): string => path.replace(new RegExp(`${MODEL}$`), NAME);
    return {
      ...model,
      region: NAME,
      bind: { address: `${this.#block}.4`, keystonePort: 8795, heatPort: 8796 },
      directory: join(this.#home, 'regions', NAME),
      volumesDirectory: beside(model.volumesDirectory),
      runDirectory: beside(model.runDirectory),
      zones: [{ name: `${NAME}-a`, capacity: 5 }],
      networks: [{ name: 'argosy', cidr: `${this.#block}.0/16`, firstHost: `${this.#block}.10` }],
    };
  }

  #executor(): object {
    const { peers: _told, ...model } = this.#configOf('executor') as Config & { openstack: object };
    const at = (name: string): string => join(this.#folder, name);
    return {
      ...model,
      ...{ region: NAME, provider: 'orient', jurisdiction: 'EU' },
      grpc: { address: `${this.#block}.3`, port: EXECUTOR_PORT },
      admin: { address: `${this.#block}.3`, port: 8793 },
      ...{ certificateFile: at('leaf.pem'), keyFile: at('leaf.key'), rootFile: at('root.pem') },
      ...{ intermediateCertificateFile: at('intermediate.pem'), intermediateKeyFile: at('intermediate.key') },
      regionKeyFile: at('region.key'),
      openstack: { ...model.openstack, authUrl: this.keystone, region: NAME },
      zones: [{ name: `${NAME}-a`, capacity: 5 }],
      measureEverySeconds: 1,
    };
  }

  #spawn(script: string, kind: string, config: object): void {
    const folder = join(this.#home, 'processes', `${kind}-${NAME}`);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'config.json');
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    const log = openSync(join(this.#home, 'logs', `${kind}-${NAME}.log`), 'a');
    const { lifeline } = config as { lifeline: string };
    const child = spawn(process.execPath, [`${root}${script}`, '--config', file], {
      // Marked as the federation's own, so that it is looked for when that one ends.
      env: { ...process.env, ARGOSY_LIFELINE: lifeline },
      stdio: ['ignore', log, log],
    });
    this.#children.push(child);
  }

  async #serves(url: string): Promise<void> {
    await waitUntil(`${url} serves`, SERVE_LIMIT_MS, async () => {
      const answer = await fetch(url).catch(() => undefined);
      return answer?.status === 200;
    });
  }
}
