// PostgreSQL as the retrying client speaks to it.
import { Client } from 'pg';
import { type Connect, firstOf, type Login, type Place, type Session, type Written } from './retrying-client.ts';

const CONNECT_LIMIT_MS = 1_000;
const TABLE = 'create table if not exists written (number int, epoch text, member text)';
/** With the timeline that it was written on, which is the epoch, and who wrote it. */
const INSERT = `insert into written
  values ($1, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), current_setting('cluster_name'))`;

/** Of the first of these that is no standby. */
export function postgresqlSessions(places: readonly Place[], login: Login): Connect {
  return async (answerMs) => await firstOf(places, (place) => PostgresqlSession.open(place, login, answerMs));
}

class PostgresqlSession implements Session {
  readonly place: Place;
  readonly #client: Client;
  #hasTable = false;
  #wasWarned = false;

  private constructor(client: Client, place: Place) {
    this.place = place;
    this.#client = client;
    client.on('error', () => undefined);
    client.on('notice', ({ severity }) => {
      if (severity === 'WARNING') this.#wasWarned = true;
    });
  }

  /** @throws Error when it takes no writes */
  static async open(place: Place, { ca, ...login }: Login, answerMs: number): Promise<PostgresqlSession> {
    const limits = { connectionTimeoutMillis: CONNECT_LIMIT_MS, query_timeout: answerMs };
    const ssl = ca === undefined ? {} : { ssl: { ca } };
    const client = new Client({ ...login, ...place, ...limits, ...ssl });
    const session = new PostgresqlSession(client, place);
    try {
      await client.connect();
      const { rows } = await client.query('select pg_is_in_recovery() as standby');
      if ((rows[0] as { standby: boolean }).standby === false) return session;
    } catch (error) {
      session.close();
      throw error;
    }
    session.close();
    throw new Error('It is a standby.');
  }

  async write(number: number): Promise<boolean> {
    await this.#ensureTable();
    this.#wasWarned = false;
    await this.#client.query(INSERT, [number]);
    // A commit that ended with a warning was not acknowledged by the cluster.
    return !this.#wasWarned;
  }

  async written(): Promise<readonly Written[]> {
    await this.#ensureTable();
    return (await this.#client.query('select number, epoch, member from written')).rows as Written[];
  }

  close(): void {
    (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  async #ensureTable(): Promise<void> {
    if (!this.#hasTable) await this.#client.query(TABLE);
    this.#hasTable = true;
  }
}
