// The client door: what the server does with a client that connects. It is shut by the server's own settings whenever it
// starts, and opened by a word to the running server, so that no crash leaves it open.
import { MEMBER_ACCOUNT, readStreamName } from './accounts.ts';
import { DOOR_SHUT } from './config.ts';
import type { Connection } from './connection.ts';

/** What a session may be told to end in; a connection that is being made is among those that are told. */
const ROUNDS = 3;

export class Door {
  readonly #control: Connection;
  #isOpen = false;

  constructor(control: Connection) {
    this.#control = control;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The server ended, or starts: it admits nobody. */
  forget(): void {
    this.#isOpen = false;
  }

  /** A server that was not restarted keeps its door as it is. */
  async recover(): Promise<void> {
    const [row] = await this.#control.query('select @@global.init_connect as door');
    this.#isOpen = row?.door === '' || row?.door === null;
  }

  async open(): Promise<void> {
    await this.#control.query("set global init_connect = ''");
    this.#isOpen = true;
  }

  /**
   * Shuts the door of a running server and ends the sessions that came through it. A session is ended by cutting its
   * connection: one that waits for its copy cannot tell its client any more that it need not.
   */
  async shut(): Promise<void> {
    this.#isOpen = false;
    await this.#control.query('set global init_connect = ?', [DOOR_SHUT]);
    for (let round = 0; round < ROUNDS; round++) {
      const clients = await this.#clients();
      if (clients.length === 0) return;
      // One that has ended meanwhile is unknown.
      for (const id of clients) await this.#control.query(`kill ${id}`).catch(() => undefined);
    }
  }

  async #clients(): Promise<number[]> {
    // Who comes by the Unix socket, and the server's own threads, come from nowhere.
    const rows = await this.#control.query("select id, user from information_schema.processlist where host like '%:%'");
    return rows
      .filter(({ user }) => user !== MEMBER_ACCOUNT && readStreamName(String(user)) === undefined)
      .map(({ id }) => Number(id));
  }
}
