// The door: every client of an asynchronous member comes in through it, and bytes of the server go out only while the
// boot-time clock is before the deadline. It looks at the clock itself before each send, so whoever else is stopped, the
// agent or the server, nothing goes out late; and while it is stopped itself nothing goes out at all.
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import type { Timer } from '@argosy/proto';

/** Clients that wait for longer than this behind a shut door are sent away, so that they look for another primary. */
const PATIENCE_MS = 1_500;
const LOOK_MS = 20;
const DIAL_MS = 3_000;
const MAX_CONNECTIONS = 4_000;

export interface DoorParts {
  readonly address: string;
  readonly port: number;
  readonly serverPort: number;
  readonly bootMs: () => number;
  readonly after: (delayMs: number, call: () => void) => Timer;
}

interface Passage {
  readonly client: Socket;
  readonly server: Socket;
  /** What the server said while the door was shut. */
  held: Buffer[];
}

export class Door {
  readonly #parts: DoorParts;
  readonly #server: Server;
  readonly #passages = new Set<Passage>();
  #deadlineMs = Number.NEGATIVE_INFINITY;
  #shutSinceMs: number | undefined;
  #timer: Timer | undefined;

  constructor(parts: DoorParts) {
    this.#parts = parts;
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (client) => this.#admit(client));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws Error when the port is taken */
  async listen(): Promise<void> {
    const { address, port } = this.#parts;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, address, resolve);
    });
    this.#look();
  }

  /** Answered by its return: what is sent from now on is sent by this deadline. */
  move(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
    this.#see();
  }

  close(): void {
    this.#timer?.cancel();
    this.#server.close();
    for (const passage of this.#passages) this.#cut(passage);
  }

  get #isOpen(): boolean {
    return this.#parts.bootMs() < this.#deadlineMs;
  }

  #admit(client: Socket): void {
    client.on('error', () => undefined);
    if (!this.#isOpen && this.#hasNoPatience()) {
      client.destroy();
      return;
    }
    const { address, serverPort } = this.#parts;
    // The server admits clients from the member's own address only.
    const server = dial({ host: address, port: serverPort, localAddress: address, noDelay: true, timeout: DIAL_MS });
    const passage: Passage = { client, server, held: [] };
    this.#passages.add(passage);
    const cut = (): void => this.#cut(passage);
    client.once('close', cut);
    server
      .once('close', () => this.#ended(passage))
      .once('error', cut)
      .once('timeout', cut);
    server.once('connect', () => {
      server.setTimeout(0);
      client.pipe(server, { end: true });
      server.on('data', (chunk: Buffer) => this.#pass(passage, chunk));
    });
  }

  #pass(passage: Passage, chunk: Buffer): void {
    const { client, server, held } = passage;
    if (held.length === 0 && this.#isOpen) {
      if (client.write(chunk)) return;
      // No more is taken than the client has taken: what waits here is sent without another look.
      server.pause();
      client.once('drain', () => server.resume());
      return;
    }
    held.push(chunk);
    server.pause();
    // What is not asked is not done for nothing.
    client.pause();
  }

  /** The server has ended the connection; what it said last goes out when the door lets it. */
  #ended(passage: Passage): void {
    if (passage.held.length > 0) return;
    this.#passages.delete(passage);
    passage.client.end();
  }

  #look(): void {
    this.#see();
    this.#timer = this.#parts.after(LOOK_MS, () => this.#look());
  }

  #see(): void {
    if (this.#isOpen) {
      this.#shutSinceMs = undefined;
      for (const passage of this.#passages) this.#release(passage);
      return;
    }
    this.#shutSinceMs ??= this.#parts.bootMs();
    if (!this.#hasNoPatience()) return;
    for (const passage of this.#passages) this.#cut(passage);
  }

  #hasNoPatience(): boolean {
    return this.#shutSinceMs !== undefined && this.#parts.bootMs() - this.#shutSinceMs >= PATIENCE_MS;
  }

  #release(passage: Passage): void {
    const { client, server } = passage;
    while (passage.held.length > 0 && this.#isOpen) {
      const chunk = passage.held.shift();
      if (chunk !== undefined) client.write(chunk);
    }
    if (passage.held.length > 0) return;
    client.resume();
    if (server.destroyed) this.#ended(passage);
    else if (client.writableLength === 0) server.resume();
  }

  #cut(passage: Passage): void {
    if (!this.#passages.delete(passage)) return;
    passage.client.destroy();
    passage.server.destroy();
  }
}
