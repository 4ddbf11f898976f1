export type {
  CommitMode,
  DatabaseAddress,
  DatastoreDefinition,
  Endpoints,
  ParameterDefinition,
  Position,
  UriOptions,
} from './definition.ts';
export { type Datastores, datastores } from './registry.ts';
