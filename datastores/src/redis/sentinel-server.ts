// The port on which a member answers as Redis Sentinel does, by TLS with the member's own certificate.
import { createServer, type Server, type TLSSocket } from 'node:tls';
import Parser from 'redis-parser';
import type { Discovery, DiscoveryMember, DiscoveryParts } from '../discovery.ts';
import type { ServerCertificate } from '../driver.ts';
import { SENTINEL_PORT } from './endpoints.ts';
import { encode } from './resp.ts';
import { SentinelSession } from './sentinel.ts';

const MAX_CONNECTIONS = 1_000;
/** A question is a few words; whoever sends more without an end is cut. */
const MAX_COMMAND_BYTES = 64 * 1024;
/** Clients that subscribe wait for as long as nobody else leads. */
const KEEP_ALIVE_MS = 30_000;

export function redisDiscovery(parts: DiscoveryParts): Discovery {
  return new SentinelServer(parts);
}

class SentinelServer implements Discovery {
  readonly #parts: DiscoveryParts;
  readonly #server: Server;
  readonly #sessions = new Map<TLSSocket, SentinelSession>();
  #led: DiscoveryMember | undefined;

  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
    this.#server = createServer({ ...contextOf(parts.certificate) }, (socket) => this.#admit(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('tlsClientError', () => undefined);
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(SENTINEL_PORT, this.#parts.address, resolve);
    });
    this.look();
  }

  look(): void {
    const { primary } = this.#parts.view();
    if (primary === undefined) return;
    const from = this.#led;
    this.#led = primary;
    if (from === undefined || (from.address === primary.address && from.port === primary.port)) return;
    for (const [socket, session] of this.#sessions) {
      for (const reply of session.switched(from, primary)) socket.write(encode(reply, session.protocol));
    }
  }

  renew(certificate: ServerCertificate): void {
    this.#server.setSecureContext(contextOf(certificate));
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sessions.keys()) socket.destroy();
  }

  #admit(socket: TLSSocket): void {
    const session = new SentinelSession(this.#parts.view);
    this.#sessions.set(socket, session);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sessions.delete(socket));
    let openBytes = 0;
    const parser = new Parser({
      returnReply: (command: unknown) => {
        openBytes = 0;
        this.#answer(socket, session, command);
      },
      returnError: () => socket.destroy(),
      returnFatalError: () => socket.destroy(),
    });
    socket.on('data', (chunk) => {
      openBytes += chunk.length;
      parser.execute(chunk);
      if (openBytes > MAX_COMMAND_BYTES) socket.destroy();
    });
  }

  #answer(socket: TLSSocket, session: SentinelSession, command: unknown): void {
    if (!Array.isArray(command) || !command.every((word) => typeof word === 'string')) {
      socket.end(encode({ error: 'ERR Protocol error: expected an array of strings' }, session.protocol));
      return;
    }
    // HELLO changes by which version its own answer is written.
    const replies = session.answer(command);
    socket.write(replies.map((reply) => encode(reply, session.protocol)).join(''));
    if (session.isOver) socket.end();
  }
}

function contextOf({ certificate, key, root }: ServerCertificate) {
  return { cert: certificate, key, ca: root, minVersion: 'TLSv1.2' as const };
}
