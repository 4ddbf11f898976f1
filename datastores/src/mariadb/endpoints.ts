// The URIs of a cluster. A client of MariaDB does not ask several hosts which of them takes writes, save for those that
// take a list of hosts in turn (Connector/J's `sequential`); what leads every client to the primary is a region's own
// endpoint.
import type { DatabaseAddress, Endpoints, UriOptions } from '../definition.ts';

const DEFAULT_DATABASE = 'admin';

export function endpoints(members: readonly DatabaseAddress[]): Endpoints {
  const uri = `mariadb://${hosts(members)}/`;
  return { readWrite: uri, readOnly: uri };
}

/** A gate shows the certificate of whoever is the primary, which is for another address than the gate's. */
export function localEndpoint(gate: DatabaseAddress): string {
  return `mariadb://${hosts([gate])}/?ssl-mode=VERIFY_CA`;
}

/** The options are named as MariaDB's and MySQL's own programs name them. */
export function completeUri(endpoint: string, options: UriOptions): string | undefined {
  const match = /^(mariadb:\/\/)(?:[^@/?]*@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(endpoint);
  if (match === null) return undefined;
  const [, scheme = '', hostList = '', path = '', query = ''] = match;
  const user = `${encodeURIComponent(options.user)}:${encodeURIComponent(options.password)}`;
  const database = options.database ?? (path === '' ? DEFAULT_DATABASE : decodeURIComponent(path));
  const given = query === '' ? [] : query.split('&');
  const isGiven = (name: string): boolean => given.some((option) => option.startsWith(`${name}=`));
  const { rootCertificateFile: file } = options;
  const trust = [
    ...(isGiven('ssl-mode') ? [] : ['ssl-mode=VERIFY_IDENTITY']),
    ...(file === undefined || isGiven('ssl-ca') ? [] : [`ssl-ca=${file.split('/').map(encodeURIComponent).join('/')}`]),
  ];
  return `${scheme}${user}@${hostList}/${encodeURIComponent(database)}?${[...given, ...trust].join('&')}`;
}

function hosts(members: readonly DatabaseAddress[]): string {
  return members
    .map(({ address, port }) => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`))
    .join(',');
}
