// The URIs of a cluster. libpq tries the hosts in order and asks each whether it takes writes, so a client finds a new
// primary without anyone telling it.
import type { DatabaseAddress, Endpoints, UriOptions } from '../definition.ts';

const DEFAULT_DATABASE = 'admin';
const TARGETS: Readonly<Record<keyof Endpoints, string>> = { readWrite: 'read-write', readOnly: 'prefer-standby' };

export function endpoints(members: readonly DatabaseAddress[]): Endpoints {
  const uriOf = (mode: keyof Endpoints): string =>
    `postgresql://${hosts(members)}/?target_session_attrs=${TARGETS[mode]}`;
  return { readWrite: uriOf('readWrite'), readOnly: uriOf('readOnly') };
}

/** A gate shows the certificate of whoever is the primary, which is for another address than the gate's. */
export function localEndpoint(gate: DatabaseAddress): string {
  return `postgresql://${hosts([gate])}/?sslmode=verify-ca`;
}

/** libpq takes several hosts in one URI, which node:url does not, so the text is taken apart here. */
export function completeUri(endpoint: string, options: UriOptions): string | undefined {
  const match = /^(postgresql:\/\/)(?:[^@/?]*@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(endpoint);
  if (match === null) return undefined;

  const [, scheme = '', hostList = '', path = '', query = ''] = match;
  const user = `${encodeURIComponent(options.user)}:${encodeURIComponent(options.password)}`;
  const database = options.database ?? (path === '' ? DEFAULT_DATABASE : decodeURIComponent(path));
  const given = query === '' ? [] : query.split('&');
  const isGiven = (name: string): boolean => given.some((option) => option.startsWith(`${name}=`));
  const { rootCertificateFile: file } = options;
  const trust = [
    ...(isGiven('sslmode') ? [] : ['sslmode=verify-full']),
    ...(file === undefined || isGiven('sslrootcert') ? [] : [`sslrootcert=${encodePath(file)}`]),
  ];
  return `${scheme}${user}@${hostList}/${encodeURIComponent(database)}?${[...given, ...trust].join('&')}`;
}

/** Slashes stay readable; libpq takes them as they are. */
function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function hosts(members: readonly DatabaseAddress[]): string {
  return members
    .map(({ address, port }) => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`))
    .join(',');
}
