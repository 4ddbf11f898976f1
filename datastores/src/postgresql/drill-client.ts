// What a drill writes through: a client as a tenant has it, over TLS and through the client door, who looks by itself for
// the member that takes writes. It comes as a role of its own, with the certificate of the member that it runs in.
import pg from 'pg';
import type { DrillClient, DrillClientOptions, Upstream } from '../driver.ts';
import { firstThatWrites } from '../first-that-writes.ts';
import { DRILL_ROLE, DRILL_SCHEMA } from './config.ts';

const CONNECT_MS = 1_000;
/** A commit that has not been acknowledged by then may be there or not. */
const ANSWER_MS = 1_000;
const COUNT_MS = 60_000;

/** Undefined when no member takes writes for a while. */
export async function connectForDrill(options: DrillClientOptions): Promise<DrillClient | undefined> {
  return await firstThatWrites(options, connect);
}

/** Undefined when it does not answer, or is a standby. */
async function connect(member: Upstream, options: DrillClientOptions): Promise<PostgresDrillClient | undefined> {
  const { certificate, key, root } = options.certificate;
  const client = new pg.Client({
    ...{ host: member.address, port: member.port, user: DRILL_ROLE, database: 'postgres' },
    ssl: { ca: root, cert: certificate, key, servername: member.serverName },
    application_name: 'argosy drill',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
  });
  const made = new PostgresDrillClient(client, options.drillId);
  try {
    await client.connect();
    const { rows } = await client.query('select pg_is_in_recovery() as standby');
    if ((rows[0] as { standby: boolean }).standby === false) return made;
  } catch {
    // It does not serve.
  }
  made.close();
  return undefined;
}

class PostgresDrillClient implements DrillClient {
  readonly #client: pg.Client;
  readonly #table: string;
  #hasTable = false;
  #wasWarned = false;

  constructor(client: pg.Client, drillId: string) {
    this.#client = client;
    this.#table = `${DRILL_SCHEMA}."${drillId.replaceAll(/[^A-Za-z0-9_-]/g, '_')}"`;
    client.on('error', () => undefined);
    client.on('notice', ({ severity }) => {
      if (severity === 'WARNING') this.#wasWarned = true;
    });
  }

  async write(number: number): Promise<boolean> {
    if (!this.#hasTable) await this.#client.query(`create table if not exists ${this.#table} (number bigint)`);
    this.#hasTable = true;
    this.#wasWarned = false;
    await this.#client.query(`insert into ${this.#table} values ($1)`, [number]);
    // "Canceling wait for synchronous replication": committed here, and acknowledged by nobody.
    return !this.#wasWarned;
  }

  async numbers(): Promise<ReadonlyMap<number, number>> {
    await this.#client.query(`create table if not exists ${this.#table} (number bigint)`);
    const text = `select number, count(*)::int as times from ${this.#table} group by number`;
    // `query_timeout` is read by pg of each query, though its types do not say so.
    const { rows } = await this.#client.query({ text, query_timeout: COUNT_MS } as pg.QueryConfig);
    return new Map((rows as { number: string; times: number }[]).map(({ number, times }) => [Number(number), times]));
  }

  async remove(): Promise<void> {
    await this.#client.query(`drop table if exists ${this.#table}`);
  }

  close(): void {
    // An end that is asked for in words waits for an answer that may never come.
    const { stream } = (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection;
    stream.destroy();
  }
}
