// The URIs of a cluster: every member takes reads and writes, and etcd's clients take a list of them.
import type { DatabaseAddress, Endpoints, UriOptions } from '../definition.ts';
import { hostAndPort } from '../host-and-port.ts';

export function endpoints(members: readonly DatabaseAddress[]): Endpoints {
  const list = members.map(localEndpoint).join(',');
  return { readWrite: list, readOnly: list };
}

export function localEndpoint({ address, port }: DatabaseAddress): string {
  return `https://${hostAndPort(address, port)}`;
}

export function completeUri(endpoint: string, { user, password }: UriOptions): string | undefined {
  const uris = endpoint.split(',');
  if (!uris.every((uri) => /^https:\/\/[^@/]+$/.test(uri))) return undefined;
  const who = `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  return uris.map((uri) => uri.replace('https://', `https://${who}`)).join(',');
}
