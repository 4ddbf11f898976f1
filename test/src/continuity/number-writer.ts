// Writes numbers to whoever takes them, one after the other, each until it is acknowledged or not, and knows which were
// and when.
import { readFileSync } from 'node:fs';
import type { TenantClient, TenantFixture } from '@argosy/datastores/contract';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import type { Beside, Trial } from './trial.ts';

const LIMIT_MS = 60_000;
const AGAIN_MS = 20;
/** Between two writes, for the others on the machine. */
const PAUSE_MS = 3;

export interface Acknowledged {
  readonly number: number;
  readonly atMs: number;
}

export class NumberWriter implements Beside {
  readonly acknowledged: Acknowledged[] = [];
  readonly #trial: Trial;
  readonly #fixture: TenantFixture;
  readonly #root: string;
  #client: TenantClient | undefined;
  #turn = 0;
  #next = 1;
  #isEnding = false;
  #work: Promise<void> | undefined;

  constructor(trial: Trial, fixture: TenantFixture | undefined) {
    if (fixture === undefined) throw new Error('There is no client for this engine.');
    this.#trial = trial;
    this.#fixture = fixture;
    this.#root = readFileSync(readFederation(trial.home).ca, 'utf8');
    trial.t.teardown(() => this.end());
  }

  /** Writes on and on, beside whatever is done. */
  start(): void {
    this.#work ??= this.#run();
  }

  async write(count: number): Promise<void> {
    this.start();
    const goal = this.acknowledged.length + count;
    await waitUntil(`${count} more writes are acknowledged`, LIMIT_MS, () => this.acknowledged.length >= goal);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#work;
    this.#close();
  }

  longestPauseMs(sinceMs: number): number {
    const times = [sinceMs, ...this.acknowledged.map(({ atMs }) => atMs).filter((atMs) => atMs > sinceMs)];
    return Math.max(0, ...times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs)));
  }

  /** What was acknowledged up to now, and is not there for one of those who take writes. */
  async missing(): Promise<Acknowledged[]> {
    const acknowledged = [...this.acknowledged];
    const lost = new Set<Acknowledged>();
    for (const address of await this.#writable()) {
      const client = await this.#connect(address);
      try {
        const there = new Set(await client.numbers());
        for (const each of acknowledged) if (!there.has(each.number)) lost.add(each);
      } finally {
        client.close();
      }
    }
    return [...lost];
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      try {
        this.#client ??= await this.#connectToNext();
        const number = this.#next++;
        await this.#client.write(number);
        this.acknowledged.push({ number, atMs: performance.now() });
        await pause(PAUSE_MS);
      } catch {
        this.#close();
        await pause(AGAIN_MS);
      }
    }
  }

  #close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #connectToNext(): Promise<TenantClient> {
    const addresses = await this.#writable();
    return await this.#connect(addresses[this.#turn++ % addresses.length] ?? '');
  }

  /** The primary, or all where each member is one. */
  async #writable(): Promise<string[]> {
    const { members } = await this.#trial.cluster();
    return members.flatMap(({ role, address }) => (role === 'primary' ? (address ?? []) : []));
  }

  async #connect(address: string): Promise<TenantClient> {
    const { username: user, password } = this.#trial.credentials;
    return await this.#fixture.connect({ user, password, root: this.#root, address, port: this.#fixture.port });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
