// Asks another member of the cluster what its driver shares, by mutual TLS: the answer may be secret.
import type { Upstream } from '@argosy/datastores/drivers';
import { type Credentials, callUnary } from '@argosy/proto';
import { dialAgent } from './dial-agent.ts';

const ASK_MS = 2_000;

/** @throws ServiceError */
export async function askShare(member: Upstream, credentials: Credentials): Promise<string> {
  const client = dialAgent(member, credentials);
  try {
    const deadline = new Date(Date.now() + ASK_MS);
    return (await callUnary(client.share.bind(client), {}, { deadline })).text;
  } finally {
    client.close();
  }
}
