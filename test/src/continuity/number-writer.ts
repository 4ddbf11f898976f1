// Writes numbers to whoever takes them, each until it is acknowledged, and knows which were.
import { readFileSync } from 'node:fs';
import type { EngineFixture, TenantClient } from '@argosy/datastores/contract';
import type { Credentials, Tenant } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';
import { clusterOf, primaryOf } from './clusters.ts';

const LIMIT_MS = 60_000;
const AGAIN_MS = 20;

export interface Acknowledged {
  readonly number: number;
  readonly atMs: number;
}

export interface NumberWriterOptions {
  readonly home: string;
  readonly tenant: Tenant;
  /** The cluster's name. */
  readonly name: string;
  readonly fixture: EngineFixture;
  readonly credentials: Credentials;
}

export class NumberWriter {
  readonly acknowledged: Acknowledged[] = [];
  readonly #options: NumberWriterOptions;
  readonly #login: { readonly user: string; readonly password: string; readonly root: string };
  #client: TenantClient | undefined;
  #next = 1;
  #running: { isOver: boolean; readonly ended: Promise<void> } | undefined;

  constructor(options: NumberWriterOptions) {
    const { username: user, password } = options.credentials;
    this.#options = options;
    this.#login = { user, password, root: readFileSync(readFederation(options.home).ca, 'utf8') };
  }

  async write(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    await waitUntil(`${count} writes are acknowledged`, LIMIT_MS, async () => {
      if (this.#running === undefined) await this.#writeUpTo(goal).catch(() => this.close());
      return this.acknowledged.length >= goal;
    });
  }

  /** Writes on and on, beside whatever is done. */
  start(): void {
    const running = { isOver: false, ended: Promise.resolve() };
    const run = async (): Promise<void> => {
      while (!running.isOver) {
        await this.#writeUpTo(this.acknowledged.length + 1).catch(async () => {
          this.close();
          await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        });
      }
    };
    this.#running = Object.assign(running, { ended: run() });
  }

  async stop(): Promise<void> {
    if (this.#running === undefined) return;
    this.#running.isOver = true;
    await this.#running.ended;
    this.#running = undefined;
  }

  /** The longest time without an acknowledgement since then, up to the last one. */
  longestGapMs(sinceMs: number): number {
    const times = [sinceMs, ...this.acknowledged.map(({ atMs }) => atMs).filter((atMs) => atMs > sinceMs)];
    return Math.max(0, ...times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs)));
  }

  async missing(): Promise<Acknowledged[]> {
    const client = await this.#connect();
    try {
      // What is acknowledged from here on may not be seen yet.
      const acknowledged = [...this.acknowledged];
      const there = new Set(await client.numbers());
      return acknowledged.filter(({ number }) => !there.has(number));
    } finally {
      client.close();
    }
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #writeUpTo(goal: number): Promise<void> {
    this.#client ??= await this.#connect();
    while (this.acknowledged.length < goal) {
      const number = this.#next++;
      await this.#client.write(number);
      this.acknowledged.push({ number, atMs: performance.now() });
    }
  }

  /** To that of all members which the cluster calls its primary. */
  async #connect(): Promise<TenantClient> {
    const { tenant, name, fixture } = this.#options;
    const { address } = primaryOf(await clusterOf(tenant, name));
    return await fixture.connect({ ...this.#login, address: address ?? '', port: fixture.port });
  }
}
