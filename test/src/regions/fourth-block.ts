// Where a region is brought up beside those that a federation was started with: on the block of the slot that none of
// them has, like one of them, and from processes that are looked for when the federation ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';

export const NAME = 'east';
export const EXECUTOR = 'regions/dist/executor/main.js';
export const MICROCLOUD = 'regions/dist/microcloud/main.js';
const root = fileURLToPath(new URL('../../..', import.meta.url));
const MODEL = 'north';
const SERVE_LIMIT_MS = 60_000;

export class FourthBlock {
  readonly home: string;
  /** Three numbers of an address. */
  readonly prefix: string;
  readonly #children: ChildProcess[] = [];

  constructor(home: string) {
    this.home = home;
    this.prefix = `127.${4 * readFederation(home).slot}.0`;
  }

  /** What a process of this kind has been told in the region that stands model. */
  modelOf(kind: 'executor' | 'microcloud'): object {
    const file = join(this.home, 'processes', `${kind}-${MODEL}`, 'config.json');
    return JSON.parse(readFileSync(file, 'utf8')) as object;
  }

  /** A microcloud that is like the model's, but for these. */
  microcloud(own: object): object {
    const model = this.modelOf('microcloud') as { volumesDirectory: string; runDirectory: string };
    const beside = (path: string): string => path.replace(new RegExp(`${MODEL}$`), NAME);
    return {
      ...model,
      region: NAME,
      directory: join(this.home, 'regions', NAME),
      volumesDirectory: beside(model.volumesDirectory),
      runDirectory: beside(model.runDirectory),
      networks: [{ name: 'argosy', cidr: `${this.prefix}.0/16`, firstHost: `${this.prefix}.10` }],
      ...own,
    };
  }

  /** Starts a program of the repository on a configuration, and waits until it serves. */
  async start(script: string, kind: string, { config, healthUrl }: { config: object; healthUrl: string }) {
    const folder = join(this.home, 'processes', `${kind}-${NAME}`);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'config.json');
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    await this.run([process.execPath, `${root}${script}`, '--config', file], kind, healthUrl);
  }

  /** The same for a command. */
  async run([program = '', ...args]: readonly string[], kind: string, healthUrl: string): Promise<void> {
    const log = openSync(join(this.home, 'logs', `${kind}-${NAME}.log`), 'a');
    const { lifeline } = this.modelOf('executor') as { lifeline: string };
    // Marked as the federation's own, so that it is looked for when that one ends.
    const env = { ...process.env, ARGOSY_LIFELINE: lifeline };
    this.#children.push(spawn(program, args, { env, stdio: ['ignore', log, log] }));
    await waitUntil(`${healthUrl} serves`, SERVE_LIMIT_MS, async () => {
      const answer = await fetch(healthUrl).catch(() => undefined);
      return answer?.status === 200;
    });
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGTERM');
  }
}
