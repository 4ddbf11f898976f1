// How a primary reaches its grantors: a connection to each one's agent, kept.
import type { Upstream } from '@argosy/datastores/drivers';
import { type AgentServiceClient, type CommandHeader, type Credentials, callUnary } from '@argosy/proto';
import { dialAgent } from '../agent/dial-agent.ts';
import { LEASE, RENEWAL_MS } from './terms.ts';

export interface GrantorLinks {
  /** @throws when it refuses, or does not answer in time */
  ask(grantor: Upstream, header: CommandHeader): Promise<void>;
  /** @throws when it does not answer in time */
  handBack(grantor: Upstream, header: CommandHeader): Promise<void>;
  close(): void;
}

export class AgentLinks implements GrantorLinks {
  readonly #credentials: () => Credentials;
  readonly #clients = new Map<string, { readonly client: AgentServiceClient; readonly credentials: Credentials }>();

  constructor(credentials: () => Credentials) {
    this.#credentials = credentials;
  }

  async ask(grantor: Upstream, header: CommandHeader): Promise<void> {
    const client = this.#client(grantor);
    await callUnary(client.grantLease.bind(client), { header, leaseMs: LEASE.grantedMs }, deadline());
  }

  async handBack(grantor: Upstream, header: CommandHeader): Promise<void> {
    const client = this.#client(grantor);
    await callUnary(client.returnLease.bind(client), { header }, deadline());
  }

  close(): void {
    for (const { client } of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #client(grantor: Upstream): AgentServiceClient {
    const { address, serverName } = grantor;
    const credentials = this.#credentials();
    const key = `${address} ${serverName}`;
    const known = this.#clients.get(key);
    if (known?.credentials.certificate === credentials.certificate) return known.client;
    known?.client.close();
    const client = dialAgent(grantor, credentials);
    this.#clients.set(key, { client, credentials });
    return client;
  }
}

function deadline() {
  return { deadline: new Date(Date.now() + RENEWAL_MS) };
}
