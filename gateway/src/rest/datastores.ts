// /v2/datastores
import type { DatastoreDefinition, Datastores } from '@argosy/datastores';
import type { Route } from './route.ts';

export function datastoreRoutes(datastores: Datastores): Route[] {
  return [
    {
      name: 'datastores.list',
      method: 'GET',
      path: '/v2/datastores',
      role: 'reader',
      query: [],
      handle: () => ({ status: 200, body: { datastores: datastores.all.map(viewDatastore) } }),
    },
  ];
}

function viewDatastore({ name, versions, defaultVersion, port, commitModes }: DatastoreDefinition): object {
  return { type: name, versions, default_version: defaultVersion, port, durability_modes: commitModes };
}
