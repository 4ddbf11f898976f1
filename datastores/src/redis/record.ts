// What the driver must not forget of its data: where they come from, whether a server that starts with them knows how
// much it has, and what Redis does not copy by itself: the users, and the password by which members copy each other.
import { randomBytes } from 'node:crypto';
import type { DriverOptions } from '../driver.ts';
import type { User } from './config.ts';
import type { Layout } from './layout.ts';
import type { Lineage } from './lineage.ts';

const SECRET_BYTES = 32;

export interface RedisRecord {
  readonly lineage: Lineage;
  /** The epoch that this member last led; 0: none. */
  readonly led: number;
  /** The server (its run id) whose offset is known to count on from its lineage. */
  readonly runId: string | null;
  /** The offset at which the server ended in order; its snapshot is whole. */
  readonly cleanAt: number | null;
  /** By which members copy each other: drawn by the first, asked for by the others. */
  readonly secret: string;
  /** By which this agent comes in. */
  readonly agentSecret: string;
  readonly users: readonly User[];
  /** Of the users beside the first; 0: there never were any. */
  readonly accountsGeneration: number;
}

const NOTHING = { lineage: [], led: 0, runId: null, cleanAt: null, users: [], accountsGeneration: 0 } as const;

/** Who reads it holds the cluster's secret: the agent alone. */
export class RecordFile {
  readonly #options: DriverOptions;
  readonly #path: string;
  #record: RedisRecord | undefined;

  constructor(options: DriverOptions, layout: Layout) {
    this.#options = options;
    this.#path = layout.recordFile;
  }

  get value(): RedisRecord {
    if (this.#record === undefined) throw new Error('The record is read before anything is asked of the driver.');
    return this.#record;
  }

  async open(): Promise<void> {
    if (this.#record !== undefined) return;
    const text = await this.#options.files.readIfThere(this.#path);
    if (text !== undefined) {
      this.#record = { ...NOTHING, ...(JSON.parse(text) as RedisRecord) };
      return;
    }
    this.#record = { ...NOTHING, secret: draw(), agentSecret: draw() };
    await this.change({});
  }

  /** It counts when it is on the disk. */
  async change(change: Partial<RedisRecord>): Promise<void> {
    const next = { ...this.value, ...change };
    await this.#options.files.writeDurably(this.#path, `${JSON.stringify(next, undefined, 2)}\n`, { mode: 0o600 });
    this.#record = next;
  }

  /** Data that are gone came from nowhere. */
  async forgetData(): Promise<void> {
    await this.change({ lineage: [], led: 0, runId: null, cleanAt: null });
  }
}

function draw(): string {
  return randomBytes(SECRET_BYTES).toString('hex');
}
