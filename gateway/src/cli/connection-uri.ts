// The URI with which a database client connects. How one is written is the engine's business.
import { datastores } from '@argosy/datastores';
import { CommandError } from './errors.ts';
import type { Credentials } from './resources.ts';

/**
 * Completes an endpoint (`postgresql://host:port,host:port/?options`) with who connects, and to what.
 *
 * @param caFile the authority that the servers' certificates are verified against; without it the client's own setting
 *   decides.
 */
export function connectionUri(endpoint: string, credentials: Credentials, caFile: string | undefined): string {
  const { username: user, password, database } = credentials;
  const options = { user, password, database: database ?? undefined, rootCertificateFile: caFile };
  for (const definition of datastores.all) {
    const uri = definition.completeUri(endpoint, options);
    if (uri !== undefined) return uri;
  }
  throw new CommandError(`The endpoint ${endpoint} is not a URI of any datastore that this command line knows.`);
}
