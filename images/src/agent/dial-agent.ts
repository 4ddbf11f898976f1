// How one member's agent dials another's: by mutual TLS, and only whom its certificate names.
import type { Upstream } from '@argosy/datastores/drivers';
import { AGENT_PORT, AgentServiceClient, type Credentials, channelCredentials, channelOptions } from '@argosy/proto';

/** The caller closes it. */
export function dialAgent({ address, serverName }: Upstream, credentials: Credentials): AgentServiceClient {
  const place = address.includes(':') ? `[${address}]` : address;
  return new AgentServiceClient(`${place}:${AGENT_PORT}`, channelCredentials(credentials), channelOptions(serverName));
}
