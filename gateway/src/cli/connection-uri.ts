// The URI with which a database client connects. libpq takes several hosts in one URI, which node:url does not, so the
// text is taken apart here.
import { CommandError } from './errors.ts';
import type { Credentials } from './resources.ts';

const DEFAULT_DATABASE = 'admin';

/**
 * Completes an endpoint (`postgresql://host:port,host:port/?options`) with who connects, and to what.
 *
 * @param caFile the authority that the servers' certificates are verified against; without it the client's own setting
 *   decides.
 */
export function connectionUri(endpoint: string, credentials: Credentials, caFile: string | undefined): string {
  const match = /^([a-z]+:\/\/)(?:[^@/?]*@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(endpoint);
  if (match === null) throw new CommandError(`The endpoint ${endpoint} is not a URI.`);

  const [, scheme = '', hosts = '', path = '', query = ''] = match;
  const user = `${encodeURIComponent(credentials.username)}:${encodeURIComponent(credentials.password)}`;
  const database = credentials.database ?? (path === '' ? DEFAULT_DATABASE : decodeURIComponent(path));
  const given = query === '' ? [] : query.split('&');
  const isGiven = (name: string): boolean => given.some((option) => option.startsWith(`${name}=`));
  const trust = [
    ...(isGiven('sslmode') ? [] : ['sslmode=verify-full']),
    ...(caFile === undefined || isGiven('sslrootcert') ? [] : [`sslrootcert=${encodePath(caFile)}`]),
  ];
  return `${scheme}${user}@${hosts}/${encodeURIComponent(database)}?${[...given, ...trust].join('&')}`;
}

/** Slashes stay readable; libpq takes them as they are. */
function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
