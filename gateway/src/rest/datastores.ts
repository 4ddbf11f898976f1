// /v2/datastores
import type { DatastoreDefinition, Datastores } from '@argosy/datastores';
import { z } from 'zod';
import type { Route } from './route.ts';

const datastoreSchema = z
  .strictObject({
    type: z.string(),
    versions: z.array(z.string()),
    default_version: z.string(),
    port: z.int(),
    durability_modes: z.array(z.string()),
  })
  .meta({ id: 'Datastore' });

export function datastoreRoutes(datastores: Datastores): Route[] {
  return [
    {
      name: 'datastores.list',
      method: 'GET',
      path: '/v2/datastores',
      role: 'reader',
      summary: 'What a cluster can be made of',
      query: {},
      answers: { 200: z.strictObject({ datastores: z.array(datastoreSchema) }) },
      errors: [],
      handle: () => ({ status: 200, body: { datastores: datastores.all.map(viewDatastore) } }),
    },
  ];
}

function viewDatastore({
  name,
  versions,
  defaultVersion,
  port,
  commitModes,
}: DatastoreDefinition): z.infer<typeof datastoreSchema> {
  return {
    type: name,
    versions: [...versions],
    default_version: defaultVersion,
    port,
    durability_modes: [...commitModes],
  };
}
