// The URIs of a cluster. A client of MariaDB does not ask several hosts which of them takes writes, save for those that
// take a list of hosts in turn (Connector/J's `sequential`); what leads every client to the primary is a region's own
// endpoint.
import type { DatabaseAddress, Endpoints, UriOptions } from '../definition.ts';
import { completeMultiHostUri, hostList } from '../multi-host-uri.ts';

const URI = {
  scheme: 'mariadb',
  defaultDatabase: 'admin',
  verify: ['ssl-mode', 'VERIFY_IDENTITY'],
  root: 'ssl-ca',
} as const;

export function endpoints(members: readonly DatabaseAddress[]): Endpoints {
  const uri = `mariadb://${hostList(members)}/`;
  return { readWrite: uri, readOnly: uri };
}

/** A gate shows the certificate of whoever is the primary, which is for another address than the gate's. */
export function localEndpoint(gate: DatabaseAddress): string {
  return `mariadb://${hostList([gate])}/?ssl-mode=VERIFY_CA`;
}

/** The options are named as MariaDB's and MySQL's own programs name them. */
export function completeUri(endpoint: string, options: UriOptions): string | undefined {
  return completeMultiHostUri(endpoint, options, URI);
}
