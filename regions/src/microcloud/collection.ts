// A folder of JSON files, one per thing, each replaced whole. What was put is on disk before `put` returns, so that
// microcloud can be killed at any moment and knows afterwards what it had begun.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const NEW = '.new';

export class Collection<Item extends { readonly id: string }> {
  readonly #directory: string;
  readonly #items = new Map<string, Item>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      // Half written when we were killed: what was there before counts.
      if (name.endsWith(NEW)) rmSync(join(directory, name));
      if (!name.endsWith('.json')) continue;
      const item = JSON.parse(readFileSync(join(directory, name), 'utf8')) as Item;
      this.#items.set(item.id, item);
    }
  }

  get(id: string): Item | undefined {
    return this.#items.get(id);
  }

  all(): Item[] {
    return [...this.#items.values()];
  }

  put(item: Item): void {
    this.#items.set(item.id, item);
    const path = this.#path(item.id);
    const file = openSync(`${path}${NEW}`, 'w', 0o600);
    try {
      writeSync(file, JSON.stringify(item));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}${NEW}`, path);
  }

  remove(id: string): void {
    this.#items.delete(id);
    rmSync(this.#path(id), { force: true });
  }

  #path(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}
