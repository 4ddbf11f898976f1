// A cluster of three made by hand on this machine, by a script of `test/by-hand` with the programs that members run.
import { spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chooseDatabaseUser, type DatabaseUser } from '@argosy/gateway';
import type { EngineEntry } from '@argosy/images';
import { freePorts } from '../free-ports.ts';
import { benchEngine } from './programs.ts';

const MEMBERS = 3;

/** Somebody at a shell. */
export class ByHand {
  readonly #script: string;
  readonly #folder: string;
  readonly #engine: EngineEntry;
  readonly #port: number;
  readonly #user: DatabaseUser | undefined;

  private constructor(script: string, folder: string, engine: EngineEntry, port: number) {
    this.#script = script;
    this.#folder = folder;
    this.#engine = engine;
    this.#port = port;
    this.#user = chooseDatabaseUser(process.getuid?.() ?? 0);
    if (this.#user !== undefined) chownSync(folder, this.#user.uid, this.#user.gids[0] ?? this.#user.uid);
  }

  static async prepare(datastore: string): Promise<ByHand> {
    const script = fileURLToPath(new URL(`../../by-hand/${datastore}.sh`, import.meta.url));
    const engine = await benchEngine(datastore);
    const folder = mkdtempSync(join(tmpdir(), 'argosy-by-hand-'));
    const byHand = new ByHand(script, folder, engine, await freePorts(MEMBERS));
    try {
      await byHand.run('template');
      return byHand;
    } catch (error) {
      await byHand.end();
      throw error;
    }
  }

  /** In seconds. */
  async create(): Promise<number> {
    const begin = performance.now();
    await this.run('create');
    return (performance.now() - begin) / 1_000;
  }

  /** @throws Error with what the script complained of */
  async run(action: 'template' | 'create' | 'destroy'): Promise<void> {
    const { bin, libraryPath } = this.#engine;
    const args = [this.#script, action, this.#folder, bin, String(this.#port)];
    const user = this.#user;
    const child = spawn('/bin/sh', args, {
      cwd: this.#folder,
      env: { ...process.env, ...(libraryPath === null ? {} : { LD_LIBRARY_PATH: libraryPath }) },
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gids[0] }),
    });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    const code = await new Promise((resolve) => child.once('exit', resolve));
    if (code !== 0) throw new Error(`${action} by hand ended with ${code}: ${complaint}`);
  }

  async end(): Promise<void> {
    await this.run('destroy').finally(() => rmSync(this.#folder, { recursive: true, force: true }));
  }
}
