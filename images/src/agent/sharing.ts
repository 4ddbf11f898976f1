// Asks another member of the cluster what its driver shares, by mutual TLS: the answer may be secret.
import type { Upstream } from '@argosy/datastores/drivers';
import {
  AGENT_PORT,
  AgentServiceClient,
  type Credentials,
  callUnary,
  channelCredentials,
  channelOptions,
} from '@argosy/proto';

const ASK_MS = 2_000;

/** @throws ServiceError */
export async function askShare(member: Upstream, credentials: Credentials): Promise<string> {
  const place = member.address.includes(':') ? `[${member.address}]` : member.address;
  const options = channelOptions(member.serverName);
  const client = new AgentServiceClient(`${place}:${AGENT_PORT}`, channelCredentials(credentials), options);
  try {
    const deadline = new Date(Date.now() + ASK_MS);
    return (await callUnary(client.share.bind(client), {}, { deadline })).text;
  } finally {
    client.close();
  }
}
