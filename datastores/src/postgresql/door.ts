// The client door: pg_hba.conf, and the proof that the running server has read it. It is shut while what the server
// holds may not have been acknowledged, and opens by itself.
import { DriverError, type DriverOptions } from '../driver.ts';
import { sleep } from '../server-process.ts';
import { AGENT_ROLE, REPLICATION_ROLE, renderHba } from './config.ts';
import { Connection } from './connection.ts';
import type { Layout } from './layout.ts';
import type { PostgresServer } from './server.ts';

const RELOAD_TIMEOUT_MS = 10_000;
const RELOAD_POLL_MS = 5;
/** A session that is told to end does so at once, unless the machine has no time for it. */
const SESSIONS_END_MS = 2_000;
const SESSIONS_POLL_MS = 5;

export class Door {
  readonly #options: DriverOptions;
  readonly #layout: Layout;
  readonly #server: PostgresServer;
  #isOpen = false;
  #isEmpty = false;

  constructor(options: DriverOptions, layout: Layout, server: PostgresServer) {
    this.#options = options;
    this.#layout = layout;
    this.#server = server;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True when nobody who came through the door before it was shut is still inside. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** A server that was not restarted keeps its door as the file says; who is inside is not known. */
  async recover(): Promise<void> {
    this.#isEmpty = false;
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
    this.#isEmpty = true;
    await this.#writeFile(door);
  }

  async open(control: Connection): Promise<void> {
    this.#isEmpty = false;
    await this.#writeFile('open');
    await this.reload(control);
    this.#isOpen = true;
  }

  /**
   * Shuts the door of a running server and ends the sessions that came through it; `isEmpty` tells whether all have
   * ended. What a session waited for can be seen once it has ended, acknowledged or not.
   */
  async shut(control: Connection): Promise<void> {
    this.#isOpen = false;
    this.#isEmpty = false;
    await this.#writeFile('shut');
    await this.reload(control);
    await this.#endSessions(control);
  }

  async #endSessions(control: Connection): Promise<void> {
    const deadline = this.#options.clock.monotonicMs() + SESSIONS_END_MS;
    for (;;) {
      const left = await control.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where backend_type = 'client backend' and usename not in ($1, $2)`,
        [AGENT_ROLE, REPLICATION_ROLE],
      );
      this.#isEmpty = left.length === 0;
      if (this.#isEmpty || this.#options.clock.monotonicMs() > deadline) return;
      await sleep(this.#options, SESSIONS_POLL_MS);
    }
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

  async #writeFile(door: 'open' | 'shut'): Promise<void> {
    await this.#options.files.writeDurably(this.#layout.hbaFile, this.#rules(door), {
      mode: 0o600,
      owner: this.#options.owner,
    });
  }
}
