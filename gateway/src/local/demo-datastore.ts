// The engine of the cluster that a local federation begins with. Engines of other clusters are fetched when the first
// member of one boots.
import { datastores } from '@argosy/datastores';

const NAME = 'postgresql';

export function demoDatastore(): { readonly name: string; readonly version: string; readonly port: number } {
  const definition = datastores.find(NAME);
  if (definition === undefined) throw new Error(`${NAME} is not among the datastores.`);
  return { name: NAME, version: definition.defaultVersion, port: definition.port };
}
