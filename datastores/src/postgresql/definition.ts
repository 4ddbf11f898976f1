import type { DatastoreDefinition } from '../definition.ts';
import { accounts } from './account-names.ts';
import { completeUri, endpoints, localEndpoint } from './endpoints.ts';
import { PARAMETERS, RESERVED } from './parameters.ts';
import { comparePositions } from './positions.ts';
import { scramVerifier } from './scram.ts';

export const postgresql: DatastoreDefinition = {
  name: 'postgresql',
  versions: ['15'],
  defaultVersion: '15',
  port: 5432,
  commitModes: ['quorum', 'async'],
  members: { min: 1, max: 7 },
  admin: { user: 'admin', database: 'admin' },
  parameters: PARAMETERS,
  reserved: RESERVED,
  accounts,
  // With floor(n/2) others a majority has every acknowledged commit, the primary included.
  acknowledgements: (voters) => Math.floor(voters / 2),
  comparePositions,
  passwordVerifier: (password, salt) => scramVerifier(password, salt),
  endpoints,
  localEndpoint,
  completeUri,
};
