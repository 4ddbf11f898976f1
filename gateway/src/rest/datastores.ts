// /v2/datastores
import {
  type DatastoreDefinition,
  type Datastores,
  definitionFor,
  describeBounds,
  isRuledMode,
  type ParameterDefinition,
  topologyModes,
} from '@argosy/datastores';
import { z } from 'zod';
import { ApiError } from './errors.ts';
import type { Route } from './route.ts';

const datastoreShape = {
  type: z.string(),
  versions: z.array(z.string()),
  default_version: z.string(),
  port: z.int(),
  durability_modes: z.array(z.string()),
  topologies: z.array(
    z.strictObject({
      mode: z.string().meta({
        description:
          'Who is primary. `primary_and_replicas`: Argosy elects one. Any other: the engine decides. As `topology.mode`.',
      }),
      members: z.strictObject({ min: z.int(), max: z.int() }).meta({ description: 'With data.' }),
      has_arbiters: z.boolean().meta({ description: 'Beside an even number of voters one can vote without data.' }),
    }),
  ),
  privileges: z.array(z.string()).meta({ description: 'Of users, the least first; empty: none can be made.' }),
  has_databases: z.boolean().meta({ description: 'Databases can be made by name.' }),
};

const parameterSchema = z
  .strictObject({
    name: z.string(),
    type: z.enum(['integer', 'number', 'boolean', 'choice', 'duration', 'size']),
    description: z.string(),
    values: z.string().meta({ description: 'What can be given, for people.' }),
    default: z.string().nullable().meta({ description: 'Null: it depends on the guest.' }),
    restart: z.boolean().meta({ description: 'A change restarts member after member.' }),
  })
  .meta({ id: 'ParameterDefinition' });

const datastoreSchema = z.strictObject(datastoreShape).meta({ id: 'Datastore' });
const detailSchema = z
  .strictObject({
    ...datastoreShape,
    parameters: z.array(parameterSchema),
    reserved_parameters: z
      .array(z.strictObject({ name: z.string(), reason: z.string() }))
      .meta({ description: 'What a tenant may not touch.' }),
  })
  .meta({ id: 'DatastoreDetail' });

export function datastoreRoutes(datastores: Datastores): Route[] {
  return [
    {
      ...{ name: 'datastores.list', method: 'GET', path: '/v2/datastores', role: 'reader', query: {} },
      summary: 'What a cluster can be made of',
      answers: { 200: z.strictObject({ datastores: z.array(datastoreSchema) }) },
      errors: [],
      handle: () => ({ status: 200, body: { datastores: datastores.all.map(viewDatastore) } }),
    },
    {
      ...{ name: 'datastores.show', method: 'GET', path: '/v2/datastores/:type', role: 'reader', query: {} },
      summary: 'One datastore, with its parameters',
      answers: { 200: z.strictObject({ datastore: detailSchema }) },
      errors: ['datastore.not_found'],
      handle: ({ parameters }) => {
        const name = parameters.type ?? '';
        const definition = datastores.find(name);
        if (definition === undefined) throw new ApiError('datastore.not_found', unknownDatastore(name, datastores));
        return { status: 200, body: { datastore: viewDetail(definition) } };
      },
    },
  ];
}

/** With the nearest name there is, or all of them. */
export function unknownDatastore(name: string, datastores: Datastores): string {
  const nearest = datastores.nearest(name);
  const all = datastores.all.map((definition) => definition.name).join(', ');
  const hint = nearest === undefined ? ` There are: ${all}.` : ` Did you mean "${nearest}"?`;
  return `There is no datastore "${name}".${hint}`;
}

function viewDatastore(definition: DatastoreDefinition): z.infer<typeof datastoreSchema> {
  const { name, versions, defaultVersion, port, commitModes, members, accounts } = definition;
  return {
    type: name,
    versions: [...versions],
    default_version: defaultVersion,
    port,
    durability_modes: [...commitModes],
    topologies: topologyModes(definition).map((mode) => {
      const isRuled = isRuledMode(definition, mode);
      const { min, max } = (isRuled ? definition.ruled?.members : undefined) ?? members;
      const hasArbiters = !isRuled || definitionFor(definition, 'engine').hasArbiters === true;
      return { mode, members: { min, max }, has_arbiters: hasArbiters };
    }),
    privileges: [...(accounts?.privileges ?? [])],
    has_databases: accounts?.hasDatabases ?? false,
  };
}

function viewDetail(definition: DatastoreDefinition): z.infer<typeof detailSchema> {
  const byName = ([left]: [string, unknown], [right]: [string, unknown]): number => (left < right ? -1 : 1);
  return {
    ...viewDatastore(definition),
    parameters: Object.entries(definition.parameters)
      .sort(byName)
      .map(([name, parameter]) => viewParameter(name, parameter)),
    reserved_parameters: Object.entries(definition.reserved ?? {})
      .sort(byName)
      .map(([name, reason]) => ({ name, reason })),
  };
}

function viewParameter(name: string, definition: ParameterDefinition): z.infer<typeof parameterSchema> {
  const { type, description, restart } = definition;
  return { name, type, description, values: describeBounds(definition), default: definition.default ?? null, restart };
}
