// URIs that name several hosts, with a user, a database and options: `SCHEME://USER:PASSWORD@HOST:PORT,HOST:PORT/DB?OPTIONS`.
// node:url takes one host only, so the text is taken apart here.
import type { DatabaseAddress, UriOptions } from './definition.ts';
import { hostAndPort } from './host-and-port.ts';

export interface MultiHostUri {
  readonly scheme: string;
  readonly defaultDatabase: string;
  /** The option that says how far the server is verified, with its strictest value. */
  readonly verify: readonly [name: string, value: string];
  /** The option that names the file of the root's certificate. */
  readonly root: string;
}

export function hostList(members: readonly DatabaseAddress[]): string {
  return members.map(({ address, port }) => hostAndPort(address, port)).join(',');
}

/** With user, password, database and trust, of which what is given already stays; undefined for what is no such URI. */
export function completeMultiHostUri(endpoint: string, options: UriOptions, kind: MultiHostUri): string | undefined {
  const match = /^([a-z]+):\/\/(?:[^@/?]*@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(endpoint);
  if (match === null || match[1] !== kind.scheme) return undefined;
  const [, scheme = '', hosts = '', path = '', query = ''] = match;
  const user = `${encodeURIComponent(options.user)}:${encodeURIComponent(options.password)}`;
  const database = options.database ?? (path === '' ? kind.defaultDatabase : decodeURIComponent(path));
  const given = query === '' ? [] : query.split('&');
  const isGiven = (name: string): boolean => given.some((option) => option.startsWith(`${name}=`));
  const { rootCertificateFile: file } = options;
  const [verify, strictest] = kind.verify;
  const trust = [
    ...(isGiven(verify) ? [] : [`${verify}=${strictest}`]),
    ...(file === undefined || isGiven(kind.root) ? [] : [`${kind.root}=${encodePath(file)}`]),
  ];
  return `${scheme}://${user}@${hosts}/${encodeURIComponent(database)}?${[...given, ...trust].join('&')}`;
}

/** Slashes stay readable. */
function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
