// A tenant of an engine that rules itself: one number after another to whichever member takes it, all the while, and each
// that was acknowledged is looked for at the end.
import { readFileSync } from 'node:fs';
import { ruledFixtures, type TenantClient } from '@argosy/datastores/contract';
import { clusterOf } from '../continuity/clusters.ts';
import type { Tenant } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { waitUntil } from '../crash-matrix/waiting.ts';

const PAUSE_MS = 20;
const LIMIT_MS = 60_000;

export interface Login {
  readonly user: string;
  readonly password: string;
}

export class RuledWriter {
  readonly acknowledged: number[] = [];
  /** The longest time without an acknowledgement since this was last set to 0. */
  longestPauseMs = 0;
  readonly #home: string;
  readonly #tenant: Tenant;
  readonly #cluster: { readonly name: string; readonly datastore: string };
  readonly #login: Login;
  #client: TenantClient | undefined;
  #turn = 0;
  #next = 1;
  #lastMs = performance.now();
  #isEnding = false;
  #work: Promise<void> | undefined;

  constructor(home: string, tenant: Tenant, cluster: { name: string; datastore: string }, login: Login) {
    this.#home = home;
    this.#tenant = tenant;
    this.#cluster = cluster;
    this.#login = login;
  }

  start(): void {
    this.#work = this.#write();
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#work;
  }

  /** So many more are acknowledged. */
  async goesOn(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    await waitUntil(`${count} more writes are acknowledged`, LIMIT_MS, () => this.acknowledged.length >= goal);
  }

  /** What was acknowledged and is not there, asked of each member. */
  async missing(): Promise<number[]> {
    const addresses = await this.#addresses();
    const lost = new Set<number>();
    for (const address of addresses) {
      const there = new Set(await (await this.#connect(address)).numbers());
      for (const number of this.acknowledged) if (!there.has(number)) lost.add(number);
    }
    return [...lost];
  }

  async #write(): Promise<void> {
    this.#lastMs = performance.now();
    while (!this.#isEnding) {
      const number = this.#next++;
      try {
        this.#client ??= await this.#connectToNext();
        await this.#client.write(number);
        this.acknowledged.push(number);
        const now = performance.now();
        this.longestPauseMs = Math.max(this.longestPauseMs, now - this.#lastMs);
        this.#lastMs = now;
      } catch {
        this.#client = undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #connectToNext(): Promise<TenantClient> {
    const addresses = await this.#addresses();
    return await this.#connect(addresses[this.#turn++ % addresses.length] ?? '');
  }

  async #connect(address: string): Promise<TenantClient> {
    const fixture = ruledFixtures[this.#cluster.datastore];
    if (fixture === undefined) throw new Error(`${this.#cluster.datastore} does not rule itself.`);
    const root = readFileSync(readFederation(this.#home).ca, 'utf8');
    return await fixture.connect({ ...this.#login, root, address, port: fixture.port });
  }

  async #addresses(): Promise<string[]> {
    const { members } = await clusterOf(this.#tenant, this.#cluster.name);
    return members.flatMap(({ address }) => address ?? []);
  }
}
