// Connections to agents. Once an agent is enrolled its name is verified; before that the only way in is a dial that
// verifies nothing, over which nothing is said that a stranger may not hear.

import { connect } from 'node:tls';
import { hostAndPort } from '@argosy/datastores';
import {
  AGENT_PORT,
  AgentServiceClient,
  type Credentials,
  certificateIdentity,
  channelCredentials,
  channelOptions,
  identityUri,
  serverName,
} from '@argosy/proto';
import * as grpc from '@grpc/grpc-js';
import type { Location } from './member-stack.ts';

const PROBE_TIMEOUT_MS = 3_000;

/** What a handshake with an agent shows. */
export type AgentFace =
  | { readonly kind: 'absent'; readonly why: string }
  | { readonly kind: 'stranger' }
  | { readonly kind: 'enrolled'; readonly validFrom: Date; readonly validTo: Date };

export interface AgentLinks {
  /** The client of an enrolled agent; the same one until it is reset. */
  client(location: Location): AgentServiceClient;
  /** A client that verifies nothing, for the first contact. The caller closes it. */
  strangerClient(location: Location): AgentServiceClient;
  look(location: Location): Promise<AgentFace>;
  isConnected(memberId: string): boolean;
  /** Forgets the connection: what it has learned of failed dials is no longer true. */
  reset(memberId: string): void;
  close(): void;
}

export class TlsAgentLinks implements AgentLinks {
  #own: Credentials;
  #credentials: grpc.ChannelCredentials;
  readonly #clients = new Map<string, { readonly address: string; readonly client: AgentServiceClient }>();
  /** Made with our former certificate: what runs over them goes on. */
  #former: AgentServiceClient[] = [];

  constructor(own: Credentials) {
    this.#own = own;
    this.#credentials = channelCredentials(own);
  }

  /** Dials with these from now on. What was said under the former certificate is not broken off. */
  renew(own: Credentials): void {
    for (const client of this.#former) client.close();
    this.#former = [...this.#clients.values()].map(({ client }) => client);
    this.#clients.clear();
    this.#own = own;
    this.#credentials = channelCredentials(own);
  }

  client(location: Location): AgentServiceClient {
    const { memberId } = location.identity;
    const known = this.#clients.get(memberId);
    if (known !== undefined && known.address === location.address) return known.client;
    this.reset(memberId);
    const options = { ...channelOptions(serverName(location.identity)), 'grpc.use_local_subchannel_pool': 1 };
    const client = new AgentServiceClient(target(location), this.#credentials, options);
    this.#clients.set(memberId, { address: location.address, client });
    return client;
  }

  strangerClient(location: Location): AgentServiceClient {
    const { root, key, certificate } = this.#own;
    const credentials = grpc.credentials.createSsl(Buffer.from(root), Buffer.from(key), Buffer.from(certificate), {
      rejectUnauthorized: false,
    });
    return new AgentServiceClient(target(location), credentials, channelOptions(serverName(location.identity)));
  }

  look(location: Location): Promise<AgentFace> {
    const { root, key, certificate } = this.#own;
    return new Promise((resolve) => {
      const socket = connect({
        host: location.address,
        port: AGENT_PORT,
        ca: root,
        key,
        cert: certificate,
        servername: serverName(location.identity),
        ALPNProtocols: ['h2'],
        rejectUnauthorized: false,
        timeout: PROBE_TIMEOUT_MS,
      });
      const answer = (face: AgentFace): void => {
        socket.destroy();
        resolve(face);
      };
      socket.on('error', (error) => answer({ kind: 'absent', why: error.message }));
      socket.on('timeout', () => answer({ kind: 'absent', why: 'the handshake took too long' }));
      socket.on('close', () => answer({ kind: 'absent', why: 'the connection was closed' }));
      socket.on('secureConnect', () => {
        const shown = socket.getPeerCertificate();
        const identity = certificateIdentity(shown);
        const isTheirs = identity !== undefined && identityUri(identity) === identityUri(location.identity);
        if (!socket.authorized || !isTheirs) answer({ kind: 'stranger' });
        else answer({ kind: 'enrolled', validFrom: new Date(shown.valid_from), validTo: new Date(shown.valid_to) });
      });
    });
  }

  isConnected(memberId: string): boolean {
    const channel = this.#clients.get(memberId)?.client.getChannel();
    return channel?.getConnectivityState(false) === grpc.connectivityState.READY;
  }

  reset(memberId: string): void {
    this.#clients.get(memberId)?.client.close();
    this.#clients.delete(memberId);
  }

  close(): void {
    for (const client of this.#former) client.close();
    for (const memberId of [...this.#clients.keys()]) this.reset(memberId);
  }
}

function target({ address }: Location): string {
  return hostAndPort(address, AGENT_PORT);
}
