// The port on which a datastore's clients are served.

const POSTGRESQL_PORT = 5432;

/** The port of a datastore; undefined when it is not one that we support. */
export function datastorePort(datastore: string): number | undefined {
  return datastore === 'postgresql' ? POSTGRESQL_PORT : undefined;
}
