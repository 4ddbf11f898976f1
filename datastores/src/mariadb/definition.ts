import type { DatastoreDefinition } from '../definition.ts';
import { accounts } from './account-names.ts';
import { completeUri, endpoints, localEndpoint } from './endpoints.ts';
import { GALERA } from './galera/definition.ts';
import { PARAMETERS, RESERVED } from './parameters.ts';
import { nativeVerifier } from './password.ts';
import { comparePositions } from './positions.ts';

export const mariadb: DatastoreDefinition = {
  name: 'mariadb',
  versions: ['10.11'],
  defaultVersion: '10.11',
  port: 3306,
  commitModes: ['quorum', 'engine'],
  members: { min: 1, max: 11 },
  mostVoters: {
    count: 3,
    reason: 'MariaDB waits for one replica and has no count, so that it cannot wait for two of five',
  },
  admin: { user: 'admin', database: 'admin' },
  parameters: PARAMETERS,
  reserved: RESERVED,
  accounts,
  // There are four only while one takes the place of another: elections need all the others then.
  acknowledgements: (voters) => Math.min(1, Math.floor(voters / 2)),
  comparePositions,
  passwordVerifier: (password) => nativeVerifier(password),
  endpoints,
  localEndpoint,
  completeUri,
  ruled: GALERA,
};
