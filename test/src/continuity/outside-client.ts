// The retrying client of a cluster as somebody outside has it, whatever the datastore: by the addresses of all members.
import { readFileSync } from 'node:fs';
import { datastores } from '@argosy/datastores';
import type { ClusterView, Credentials } from '../crash-matrix/tenant.ts';
import { readFederation } from '../crash-matrix/victims.ts';
import { mariadbSessions } from './mariadb-session.ts';
import { postgresqlSessions } from './postgresql-session.ts';
import { type Connect, type Login, type Place, RetryingClient } from './retrying-client.ts';
import { sentinelSessions } from './sentinel-session.ts';

const SESSIONS: Readonly<Record<string, (places: readonly Place[], login: Login) => Connect>> = {
  mariadb: mariadbSessions,
  postgresql: postgresqlSessions,
  redis: sentinelSessions,
};

/** @throws Error when there is no client for its datastore */
export function outsideClient(
  home: string,
  { datastore: { type }, members }: ClusterView,
  { username: user, password, database }: Credentials,
): RetryingClient {
  const [sessions, definition] = [SESSIONS[type], datastores.find(type)];
  if (sessions === undefined || definition === undefined) throw new Error(`There is no retrying client of ${type}.`);
  const port = definition.discoveryPort ?? definition.port;
  const places = members.flatMap(({ address }) => (address === null ? [] : { host: address, port }));
  const ca = readFileSync(readFederation(home).ca, 'utf8');
  return new RetryingClient(sessions(places, { user, password, database, ca }));
}
