// How one member's agent dials another's: by mutual TLS, and only whom its certificate names.
import { hostAndPort } from '@argosy/datastores';
import type { Upstream } from '@argosy/datastores/drivers';
import { AGENT_PORT, AgentServiceClient, type Credentials, channelCredentials, channelOptions } from '@argosy/proto';
import type { ChannelOptions } from '@grpc/grpc-js';

/** The caller closes it. */
export function dialAgent(
  { address, serverName }: Upstream,
  credentials: Credentials,
  options: ChannelOptions = {},
): AgentServiceClient {
  const place = hostAndPort(address, AGENT_PORT);
  return new AgentServiceClient(place, channelCredentials(credentials), { ...channelOptions(serverName), ...options });
}
