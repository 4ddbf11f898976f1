// The URIs of a cluster. Clients know no list of servers of which one takes writes, so the whole cluster is reached in the
// way of Sentinel, which every member answers, in the form that Lettuce reads; a region's gate leads to the primary itself.
import type { DatabaseAddress, Endpoints, UriOptions } from '../definition.ts';
import { SENTINEL_MASTER, SENTINEL_PORT } from './sentinel-names.ts';

export function endpoints(members: readonly DatabaseAddress[]): Endpoints {
  const sentinels = members.map(({ address }) => host(address, SENTINEL_PORT)).join(',');
  const uri = `rediss-sentinel://${sentinels}/0`;
  return { readWrite: `${uri}#${SENTINEL_MASTER}`, readOnly: `${uri}?readFrom=replicaPreferred#${SENTINEL_MASTER}` };
}

/** A gate shows the certificate of whoever is the primary, which is for another address than the gate's. */
export function localEndpoint(gate: DatabaseAddress): string {
  return `rediss://${host(gate.address, gate.port)}/0?verifyPeer=CA`;
}

export function completeUri(endpoint: string, options: UriOptions): string | undefined {
  const match = /^(rediss(?:-sentinel)?:\/\/)([^@/]+)(\/.*)$/.exec(endpoint);
  if (match === null) return undefined;
  const [, scheme, hosts, rest = ''] = match;
  const database = options.database === undefined ? rest : rest.replace(/^\/\d*/, `/${options.database}`);
  return `${scheme}${encodeURIComponent(options.user)}:${encodeURIComponent(options.password)}@${hosts}${database}`;
}

function host(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
