// MariaDB as the retrying client speaks to it.
import mysql from 'mysql2/promise';
import { type Connect, firstOf, type Login, type Place, type Session, type Written } from './retrying-client.ts';

const CONNECT_LIMIT_MS = 1_000;
const TABLE = 'create table if not exists written (number int)';

/** Of the first of these that takes writes. */
export function mariadbSessions(places: readonly Place[], login: Login): Connect {
  return async (answerMs) => await firstOf(places, (place) => MariadbSession.open(place, login, answerMs));
}

class MariadbSession implements Session {
  readonly place: Place;
  readonly #client: mysql.Connection;
  readonly #answerMs: number;
  #hasTable = false;

  private constructor(client: mysql.Connection, place: Place, answerMs: number) {
    this.place = place;
    this.#client = client;
    this.#answerMs = answerMs;
    client.on('error', () => undefined);
  }

  /** @throws Error when it takes no writes */
  static async open(place: Place, { ca, ...login }: Login, answerMs: number): Promise<MariadbSession> {
    const limits = { connectTimeout: CONNECT_LIMIT_MS };
    const ssl = ca === undefined ? {} : { ssl: { ca } };
    const client = await mysql.createConnection({ ...login, ...place, ...limits, ...ssl });
    const session = new MariadbSession(client, place, answerMs);
    try {
      const rows = (await session.#run('select @@global.read_only as rests')) as { rests: number }[];
      if (Number(rows[0]?.rests) === 0) return session;
    } catch (error) {
      session.close();
      throw error;
    }
    session.close();
    throw new Error('It takes no writes.');
  }

  async write(number: number): Promise<boolean> {
    await this.#ensureTable();
    await this.#run(`insert into written values (${number})`);
    return true;
  }

  async written(): Promise<readonly Written[]> {
    await this.#ensureTable();
    return (await this.#run('select number from written')) as Written[];
  }

  close(): void {
    this.#client.destroy();
  }

  async #ensureTable(): Promise<void> {
    if (!this.#hasTable) await this.#run(TABLE);
    this.#hasTable = true;
  }

  async #run(sql: string): Promise<unknown> {
    const [rows] = await this.#client.query({ sql, timeout: this.#answerMs });
    return rows;
  }
}
