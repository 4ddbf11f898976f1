// The URIs of a cluster. Redis' clients know no list of servers of which one takes writes: the gate of a region is for
// them, and the list names every member for whoever asks each of them for its ROLE.
import type { DatabaseAddress, Endpoints, UriOptions } from '../definition.ts';
import { hostAndPort } from '../host-and-port.ts';

/** Where Sentinel listens, and members answer as it does. */
export const SENTINEL_PORT = 26_379;

export function endpoints(members: readonly DatabaseAddress[]): Endpoints {
  const uri = `rediss://${members.map(({ address, port }) => hostAndPort(address, port)).join(',')}/0`;
  return { readWrite: `${uri}?role=primary`, readOnly: `${uri}?role=replica` };
}

/** A gate shows the certificate of whoever is the primary, which is for another address than the gate's. */
export function localEndpoint(gate: DatabaseAddress): string {
  return `rediss://${hostAndPort(gate.address, gate.port)}/0?verifyPeer=CA`;
}

export function completeUri(endpoint: string, options: UriOptions): string | undefined {
  const match = /^(rediss:\/\/)([^@/]+)(\/.*)$/.exec(endpoint);
  if (match === null) return undefined;
  const [, scheme, hosts, rest = ''] = match;
  const database = options.database === undefined ? rest : rest.replace(/^\/\d*/, `/${options.database}`);
  return `${scheme}${encodeURIComponent(options.user)}:${encodeURIComponent(options.password)}@${hosts}${database}`;
}
