import type { DatastoreDefinition } from '../definition.ts';
import { accounts } from './account-names.ts';
import { completeUri, endpoints, localEndpoint } from './endpoints.ts';
import { comparePositions } from './gtid.ts';
import { PARAMETERS, RESERVED } from './parameters.ts';
import { nativeVerifier } from './password.ts';

export const mariadb: DatastoreDefinition = {
  name: 'mariadb',
  versions: ['10.11'],
  defaultVersion: '10.11',
  port: 3306,
  commitModes: ['quorum'],
  members: { min: 1, max: 7 },
  admin: { user: 'admin', database: 'admin' },
  parameters: PARAMETERS,
  reserved: RESERVED,
  accounts,
  // As for every engine; with more than three voters that is more than this server can wait for.
  acknowledgements: (voters) => Math.floor(voters / 2),
  comparePositions,
  passwordVerifier: (password) => nativeVerifier(password),
  endpoints,
  localEndpoint,
  completeUri,
};
