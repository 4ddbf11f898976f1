// What a drill writes through: a client as a tenant has it, over TLS and through the client door, who looks by itself for
// the member that takes writes. It comes as an account of its own, with the certificate of the member that it runs in.
import { connect as dial } from 'node:net';
import mysql from 'mysql2/promise';
import type { DrillClient, DrillClientOptions, Upstream } from '../driver.ts';
import { firstThatWrites } from '../first-that-writes.ts';
import { DRILL_ACCOUNT, DRILL_DATABASE } from './accounts.ts';

const CONNECT_MS = 1_000;
/** A commit that has not been acknowledged by then may be there or not. */
const ANSWER_MS = 1_000;
const COUNT_MS = 60_000;

/** Undefined when no member takes writes for a while. */
export async function connectForDrill(options: DrillClientOptions): Promise<DrillClient | undefined> {
  return await firstThatWrites(options, connect);
}

/** Undefined when it does not answer, or takes no writes. */
async function connect(member: Upstream, options: DrillClientOptions): Promise<MariadbDrillClient | undefined> {
  const { certificate, key, root } = options.certificate;
  let made: mysql.Connection | undefined;
  try {
    made = await mysql.createConnection({
      ...{ host: member.serverName, port: member.port, user: DRILL_ACCOUNT, database: DRILL_DATABASE },
      stream: () => dial({ host: member.address, port: member.port, noDelay: true }),
      ssl: { ca: root, cert: certificate, key, verifyIdentity: true },
      connectTimeout: CONNECT_MS,
    } as mysql.ConnectionOptions);
    made.on('error', () => undefined);
    const [rows] = await made.query({ sql: 'select @@global.read_only as rests', timeout: ANSWER_MS });
    if (Number((rows as { rests: number }[])[0]?.rests) === 0) return new MariadbDrillClient(made, options.drillId);
  } catch {
    // It does not serve.
  }
  made?.destroy();
  return undefined;
}

class MariadbDrillClient implements DrillClient {
  readonly #client: mysql.Connection;
  readonly #table: string;
  #hasTable = false;

  constructor(client: mysql.Connection, drillId: string) {
    this.#client = client;
    this.#table = `\`${drillId.replaceAll(/[^A-Za-z0-9_-]/g, '_')}\``;
  }

  async write(number: number): Promise<boolean> {
    if (!this.#hasTable) await this.#run(`create table if not exists ${this.#table} (number bigint)`);
    this.#hasTable = true;
    await this.#run(`insert into ${this.#table} values (${Number(number)})`);
    return true;
  }

  async numbers(): Promise<ReadonlyMap<number, number>> {
    await this.#run(`create table if not exists ${this.#table} (number bigint)`);
    const sql = `select number, count(*) as times from ${this.#table} group by number`;
    const [rows] = await this.#client.query({ sql, timeout: COUNT_MS });
    return new Map(
      (rows as { number: number; times: number }[]).map(({ number, times }) => [Number(number), Number(times)]),
    );
  }

  async remove(): Promise<void> {
    await this.#run(`drop table if exists ${this.#table}`);
  }

  close(): void {
    this.#client.destroy();
  }

  async #run(sql: string): Promise<void> {
    await this.#client.query({ sql, timeout: ANSWER_MS });
  }
}
