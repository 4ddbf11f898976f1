// The client door: pg_hba.conf, and the proof that the running server has read it. It is shut while what the server
// holds may not have been acknowledged, and opens by itself.
import { DriverError, type DriverOptions } from '../driver.ts';
import { AGENT_ROLE, REPLICATION_ROLE, renderHba } from './config.ts';
import { Connection } from './connection.ts';
import type { Layout } from './layout.ts';
import { type PostgresServer, sleep } from './server.ts';

const RELOAD_TIMEOUT_MS = 10_000;
const RELOAD_POLL_MS = 5;

export class Door {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #server: PostgresServer;
  #isOpen = false;

  constructor(options: DriverOptions, layout: Layout, server: PostgresServer) {
    this.#options = options;
    this.#layout = layout;
    this.#server = server;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** A server that was not restarted keeps its door as the file says. */
  async recover(): Promise<void> {
    this.#isOpen = (await this.#options.files.readIfThere(this.#layout.hbaFile)) === this.#rules('open');
  }

  /** Where the lease is counted, clients come from the member itself: through the process that counts it. */
  #rules(door: 'open' | 'shut'): string {
    const { port, serverPort, address } = this.#options;
    return renderHba(door, port === serverPort ? undefined : address);
  }

  /** Before a start. */
  async write(door: 'open' | 'shut'): Promise<void> {
    this.#isOpen = door === 'open';
    await this.#options.files.writeDurably(this.#layout.hbaFile, this.#rules(door), {
      mode: 0o600,
      owner: this.#options.owner,
    });
  }

  async open(control: Connection): Promise<void> {
    await this.#options.files.writeDurably(this.#layout.hbaFile, this.#rules('open'), {
      mode: 0o600,
      owner: this.#options.owner,
    });
    await this.reload(control);
    this.#isOpen = true;
  }

  /** Shuts the door of a running server and ends the sessions that came through it. */
  async shut(control: Connection): Promise<void> {
    await this.write('shut');
    await this.reload(control);
    await control.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where backend_type = 'client backend' and usename not in ($1, $2)`,
      [AGENT_ROLE, REPLICATION_ROLE],
    );
  }

  /** Answers when the postmaster has read its files again: a session that it makes afterwards says so. */
  async reload(control: Connection): Promise<void> {
    const [before] = await control.query('select extract(epoch from clock_timestamp())::text as time');
    this.#server.reload();
    const { clock, serverPort: port, session } = this.#options;
    const deadline = clock.monotonicMs() + RELOAD_TIMEOUT_MS;
    while (clock.monotonicMs() < deadline) {
      const fresh = new Connection({
        socketFolder: this.#layout.socketFolder,
        port,
        clock,
        session,
        synchronousCommit: 'local',
      });
      try {
        const [row] = await fresh.query(
          'select extract(epoch from pg_conf_load_time())::float8 > $1::float8 as is_new',
          [before?.time],
        );
        if (row?.is_new === true) return;
      } finally {
        fresh.close();
      }
      await sleep(this.#options, RELOAD_POLL_MS);
    }
    throw new DriverError('unavailable', 'The database did not read its settings again in time.');
  }
}
