// A member's volume: the agent's and the database's files. A file that is written durably has its old content or its new
// one, whatever fails; a database's data directory is a model of its own.
import { dirname } from 'node:path';
import type { Files } from '@argosy/datastores/drivers';
import type { Random } from 'raft-ts/simulation';
import type { DataDirectory } from './database/data-directory.ts';
import type { SimulatedProcess } from './process.ts';

const SYNC_MS = 1.5;
const LOOK_MS = 0.05;
const FREE_BYTES = 2 ** 40;

export const VOLUME = '/volume';
export const DATA = `${VOLUME}/data`;
export const WAL = `${DATA}/pg_wal`;

export class Volume {
  readonly files = new Map<string, string>();
  readonly #folders = new Set<string>([VOLUME]);
  data: DataDirectory | undefined;

  /** Nothing is left of it. */
  wipe(): void {
    this.files.clear();
    this.#folders.clear();
    this.#folders.add(VOLUME);
    this.data = undefined;
  }

  losePower(random: Random, keepsUnsynced: boolean): void {
    this.data?.crash(random, keepsUnsynced);
    // A copy that nobody synced is not one.
    if (this.data?.isSynced === false) this.removeTree(DATA);
  }

  list(path: string): string[] {
    if (!this.#folders.has(path) && path !== WAL) throw systemError('ENOENT', path);
    const prefix = `${path}/`;
    const names = new Set<string>();
    for (const name of this.files.keys()) {
      if (name.startsWith(prefix)) names.add(name.slice(prefix.length).split('/')[0] ?? '');
    }
    if (path === DATA && this.data !== undefined) names.add('pg_wal');
    if (path === WAL) for (const name of this.data?.segmentNames() ?? []) names.add(name);
    return [...names].sort();
  }

  removeTree(path: string): void {
    for (const name of [...this.files.keys()])
      if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
    if (path === WAL || path === DATA) this.data = undefined;
  }

  /** Of a file, or of a folder with all that is in it. */
  rename(from: string, to: string): void {
    const moved = (name: string): string | undefined =>
      name === from || name.startsWith(`${from}/`) ? `${to}${name.slice(from.length)}` : undefined;
    for (const [name, text] of [...this.files]) {
      const next = moved(name);
      if (next === undefined) continue;
      this.files.delete(name);
      this.files.set(next, text);
    }
    for (const name of [...this.#folders]) {
      const next = moved(name);
      if (next === undefined) continue;
      this.#folders.delete(name);
      this.#folders.add(next);
    }
  }

  addFolder(path: string): void {
    this.#folders.add(path);
  }

  hasFolder(path: string): boolean {
    return this.#folders.has(path) || path === WAL;
  }
}

/** The volume as a process sees it. */
export function filesOf(volume: Volume, process: SimulatedProcess): Files {
  const look = <Result>(effect: () => Result): Promise<Result> => process.operate(LOOK_MS, effect);
  const sync = <Result>(effect: () => Result): Promise<Result> => process.operate(SYNC_MS, effect);
  return {
    writeDurably: (path, content) =>
      sync(() => {
        if (!volume.hasFolder(dirname(path)) && dirname(path) !== '/run') throw systemError('ENOENT', path);
        volume.files.set(path, String(content));
      }),
    removeDurably: (path) =>
      sync(() => {
        if (!volume.hasFolder(dirname(path))) throw systemError('ENOENT', path);
        volume.files.delete(path);
      }),
    syncFolder: () => sync(() => undefined),
    readIfThere: (path) => look(() => volume.files.get(path)),
    ensureFolder: (path) => look(() => volume.addFolder(path)),
    list: (path) => look(() => volume.list(path)),
    size: (path) => look(() => volume.files.get(path)?.length),
    remove: (path) => look(() => volume.removeTree(path)),
    clear: (path) => look(() => void volume.files.set(path, '')),
    // The log's segments are a model of their own, so that what is kept of them is only their names.
    copy: (from, to) => sync(() => void volume.files.set(to, volume.files.get(from) ?? '')),
    renameDurably: (from, to) => sync(() => volume.rename(from, to)),
    freeBytes: () => look(() => FREE_BYTES),
  };
}

export function systemError(code: string, what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
