// The URIs of a cluster. libpq tries the hosts in order and asks each whether it takes writes, so a client finds a new
// primary without anyone telling it.
import type { DatabaseAddress, Endpoints, UriOptions } from '../definition.ts';

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

export function uri(members: readonly DatabaseAddress[], options: UriOptions): string {
  const user = `${encodeURIComponent(options.user)}:${encodeURIComponent(options.password)}`;
  const settings = [
    ['sslmode', 'verify-full'],
    ['sslrootcert', options.rootCertificateFile],
    ['target_session_attrs', TARGETS[options.mode]],
  ].map(([name, value]) => `${name}=${encodeURIComponent(value ?? '')}`);
  return `postgresql://${user}@${hosts(members)}/${encodeURIComponent(options.database)}?${settings.join('&')}`;
}

function hosts(members: readonly DatabaseAddress[]): string {
  return members
    .map(({ address, port }) => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`))
    .join(',');
}
