// The URIs of a cluster. libpq tries the hosts in order and asks each whether it takes writes, so a client finds a new
// primary without anyone telling it.
import type { DatabaseAddress, Endpoints, UriOptions } from '../definition.ts';
import { completeMultiHostUri, hostList } from '../multi-host-uri.ts';

const URI = {
  scheme: 'postgresql',
  defaultDatabase: 'admin',
  verify: ['sslmode', 'verify-full'],
  root: 'sslrootcert',
} as const;
const TARGETS: Readonly<Record<keyof Endpoints, string>> = { readWrite: 'read-write', readOnly: 'prefer-standby' };

export function endpoints(members: readonly DatabaseAddress[]): Endpoints {
  const uriOf = (mode: keyof Endpoints): string =>
    `postgresql://${hostList(members)}/?target_session_attrs=${TARGETS[mode]}`;
  return { readWrite: uriOf('readWrite'), readOnly: uriOf('readOnly') };
}

/** A gate shows the certificate of whoever is the primary, which is for another address than the gate's. */
export function localEndpoint(gate: DatabaseAddress): string {
  return `postgresql://${hostList([gate])}/?sslmode=verify-ca`;
}

/** The options are libpq's. */
export function completeUri(endpoint: string, options: UriOptions): string | undefined {
  return completeMultiHostUri(endpoint, options, URI);
}
