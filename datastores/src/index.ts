export {
  type AccountKind,
  type Accounts,
  type AccountsDefinition,
  type DatabaseAccount,
  type Grant,
  NO_ACCOUNTS,
  type UserAccount,
} from './accounts.ts';
export {
  type CommitMode,
  type DatabaseAddress,
  type DatastoreDefinition,
  definitionFor,
  type Endpoints,
  isRuledMode,
  type Position,
  topologyModes,
  type UriOptions,
} from './definition.ts';
export { hostAndPort } from './host-and-port.ts';
export { nearestOf } from './nearest.ts';
export {
  describeBounds,
  isContradiction,
  isLowered,
  needsRestart,
  type ParameterDefinition,
  type ParameterValues,
  readParameter,
} from './parameters.ts';
export { type Datastores, datastores } from './registry.ts';
