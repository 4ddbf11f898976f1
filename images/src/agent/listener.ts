// The agent's port. A certificate cannot be changed under a listening server, so a new one means a new server on the
// same port; callers dial again.

import { hostAndPort } from '@argosy/datastores';
import type { ServerCertificate } from '@argosy/datastores/drivers';
import {
  type AccessTable,
  type AgentServiceServer,
  AgentServiceService,
  accessControl,
  type Clock,
  HealthService,
  pause,
  serverCredentials,
} from '@argosy/proto';
import { Server, type ServerInterceptor } from '@grpc/grpc-js';
import { healthOf } from './health.ts';

const BIND_RETRY_MS = 50;
const BIND_TRIES = 100;
/** The call that brought the certificate is answered; who observes would go on for ever. */
const LINGER_MS = 100;

export interface ListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly access: AccessTable;
  readonly clock: Clock;
}

export class Listener {
  readonly #options: ListenerOptions;
  #server: Server | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Listens; what listened before is closed first. @throws Error when the port is taken by somebody else. */
  listen(service: AgentServiceServer, certificate: ServerCertificate): Promise<void> {
    const listening = this.#turn.then(() => this.#listen(service, certificate));
    this.#turn = listening.catch(() => undefined);
    return listening;
  }

  async #listen(service: AgentServiceServer, certificate: ServerCertificate): Promise<void> {
    if (this.#server !== undefined) await this.#closeInTime(this.#server);
    const interceptors: ServerInterceptor[] = [accessControl(this.#options.access)];
    const server = new Server({ interceptors });
    server.addService(AgentServiceService, service);
    server.addService(HealthService, healthOf(['argosy.member.v1.AgentService']));
    this.#server = server;
    const { address, port, clock } = this.#options;
    const place = hostAndPort(address, port);
    for (let tries = 1; ; tries++) {
      const error = await new Promise<Error | null>((resolve) => {
        server.bindAsync(place, serverCredentials(certificate), resolve);
      });
      if (error === null) return;
      if (tries >= BIND_TRIES) throw new Error(`${place} cannot be listened on.`, { cause: error });
      await pause(clock, BIND_RETRY_MS);
    }
  }

  /** Takes no more calls, and gives those that there are a moment to end. */
  async #closeInTime(server: Server): Promise<void> {
    const ended = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    await Promise.race([ended, pause(this.#options.clock, LINGER_MS)]);
    this.close();
  }

  close(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }
}
