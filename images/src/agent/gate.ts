// The gate: an address in the member's own region that leads to whoever is the cluster's primary. It passes bytes on as
// they are, TLS and all, and only to the primary of the newest epoch that this member has heard of: as soon as another is
// being elected, every connection through the gate is cut, so that clients look anew instead of waiting.
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import type { Clock } from '@argosy/proto';
import type { Logger } from 'pino';
import type { Lead } from './primary-watch.ts';

/** A client that comes while nobody leads is kept waiting for so long. */
const PATIENCE_MS = 5_000;
const POLL_MS = 20;
const DIAL_MS = 3_000;
const MAX_CONNECTIONS = 1_000;

export interface GateParts {
  readonly address: string;
  readonly port: number;
  readonly lead: () => Lead | undefined;
  /** The newest that is known; undefined while it has no primary. */
  readonly epoch: () => number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Passage {
  readonly lead: Lead;
  readonly sockets: readonly [Socket, Socket];
}

export class Gate {
  readonly #parts: GateParts;
  readonly #server: Server;
  readonly #passages = new Set<Passage>();
  readonly #clients = new Set<Socket>();

  constructor(parts: GateParts) {
    this.#parts = parts;
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (client) => void this.#admit(client));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws Error when the port is taken */
  async listen(): Promise<void> {
    const { address, port } = this.#parts;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, address, resolve);
    });
  }

  /**
   * Who leads may have changed: what leads to an older epoch is cut. A primary that has only fallen silent keeps its
   * clients: an epoch has one primary, and no other epoch has begun as far as this member knows.
   */
  look(): void {
    const epoch = this.#parts.epoch();
    for (const passage of this.#passages) if (passage.lead.epoch !== epoch) this.#cut(passage);
  }

  close(): void {
    this.#server.close();
    for (const client of this.#clients) client.destroy();
    for (const passage of this.#passages) this.#cut(passage);
  }

  async #admit(client: Socket): Promise<void> {
    this.#clients.add(client);
    client.on('error', () => undefined);
    client.once('close', () => this.#clients.delete(client));
    const lead = await this.#awaitLead(client);
    if (lead === undefined || client.destroyed) {
      client.destroy();
      return;
    }
    const server = dial({ host: lead.address, port: lead.port, noDelay: true, timeout: DIAL_MS });
    const passage: Passage = { lead, sockets: [client, server] };
    this.#passages.add(passage);
    const cut = (): void => this.#cut(passage);
    client.once('close', cut);
    server.once('close', cut).once('error', cut).once('timeout', cut);
    server.once('connect', () => {
      server.setTimeout(0);
      // Between the question and the answer another may have been elected.
      if (this.#parts.lead()?.epoch !== lead.epoch) return cut();
      client.pipe(server).pipe(client);
    });
  }

  async #awaitLead(client: Socket): Promise<Lead | undefined> {
    const { clock, lead } = this.#parts;
    const deadline = clock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      const found = lead();
      if (found !== undefined || client.destroyed || clock.monotonicMs() > deadline) return found;
      await new Promise<void>((resolve) => clock.after(POLL_MS, resolve));
    }
  }

  #cut(passage: Passage): void {
    if (!this.#passages.delete(passage)) return;
    for (const socket of passage.sockets) socket.destroy();
  }
}
