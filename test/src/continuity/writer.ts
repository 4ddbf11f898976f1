// A tenant's client: writes one number after another, each in a transaction of its own, to whichever member of the
// multi-host URI takes writes, and keeps which were acknowledged and when. A number whose answer did not come is never
// written again: it may be there or not.
import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import type { Credentials } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import type { Trial } from './trial.ts';

const CONNECT_LIMIT_MS = 1_000;
const ANSWER_LIMIT_MS = 2_000;
const RETRY_MS = 20;

export class Writer {
  /** Number and time of each acknowledgement, in order. */
  readonly acknowledged: { readonly number: number; readonly atMs: number }[] = [];
  readonly #hosts: readonly { readonly host: string; readonly port: number }[];
  readonly #settings: object;
  readonly #ended: Promise<void>;
  #next = 1;
  #isEnding = false;
  #notice = false;

  /** Of a cluster of PostgreSQL; it ends with the test. */
  static of({ t, home, made, credentials }: Trial): Writer {
    const writer = new Writer(home, made.endpoints.read_write ?? '', credentials);
    t.teardown(() => writer.end());
    return writer;
  }

  /** `uri` is the cluster's endpoint for writes. */
  constructor(home: string, uri: string, { username: user, password, database }: Credentials) {
    const hosts = /\/\/(?:[^@/]*@)?([^/]+)\//.exec(uri)?.[1] ?? '';
    this.#hosts = hosts
      .split(',')
      .map((text) => ({ host: text.split(':')[0] ?? '', port: Number(text.split(':')[1]) }));
    this.#settings = { user, password, database, ssl: { ca: readFileSync(readFederation(home).ca, 'utf8') } };
    this.#ended = this.#run();
  }

  /** The longest time between two acknowledgements of which the second came after `sinceMs`, in ms. */
  longestPauseMs(sinceMs: number): number {
    const times = this.acknowledged.map(({ atMs }) => atMs);
    const pauses = times.slice(1).map((time, index) => (time < sinceMs ? 0 : time - (times[index] ?? time)));
    return Math.round(Math.max(0, ...pauses));
  }

  /** Ends, and answers the acknowledged numbers that the member that takes writes does not have. */
  async missing(): Promise<number[]> {
    await this.end();
    return (await this.lost()).map(({ number }) => number);
  }

  /** What was acknowledged up to now, and the member that takes writes does not have. */
  async lost(): Promise<{ readonly number: number; readonly atMs: number }[]> {
    const asked = [...this.acknowledged];
    for (;;) {
      const client = await this.#connect();
      if (client === undefined) continue;
      const { rows } = await client.query('select number from continuity');
      await client.end();
      const there = new Set(rows.map((row) => (row as { number: number }).number));
      return asked.filter(({ number }) => !there.has(number));
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const client = await this.#connect();
      if (client === undefined) continue;
      try {
        await client.query('create table if not exists continuity (number int primary key)');
        while (!this.#isEnding) await this.#write(client);
      } catch {
        // Another member, or the same one once more.
      }
      await client.end().catch(() => undefined);
    }
  }

  async #write(client: Client): Promise<void> {
    const number = this.#next++;
    this.#notice = false;
    await client.query('insert into continuity values ($1)', [number]);
    // A commit that ended with a warning was not acknowledged by the cluster.
    if (!this.#notice) this.acknowledged.push({ number, atMs: performance.now() });
  }

  /** The first that takes writes, as `target_session_attrs=read-write` finds it. */
  async #connect(): Promise<Client | undefined> {
    for (const place of this.#hosts) {
      const client = new Client({
        ...{ ...this.#settings, ...place, connectionTimeoutMillis: CONNECT_LIMIT_MS, query_timeout: ANSWER_LIMIT_MS },
      });
      client.on('error', () => undefined);
      client.on('notice', () => {
        this.#notice = true;
      });
      try {
        await client.connect();
        const { rows } = await client.query('select pg_is_in_recovery() as standby');
        if ((rows[0] as { standby: boolean }).standby === false) return client;
      } catch {
        // It does not serve.
      }
      await client.end().catch(() => undefined);
    }
    await new Promise<void>((resolve) => setTimeout(resolve, RETRY_MS));
    return undefined;
  }
}
