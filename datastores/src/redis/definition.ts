import { createHash } from 'node:crypto';
import type { DatastoreDefinition } from '../definition.ts';
import { accounts } from './account-names.ts';
import { completeUri, endpoints, localEndpoint, SENTINEL_PORT } from './endpoints.ts';
import { comparePositions } from './lineage.ts';
import { PARAMETERS, RESERVED } from './parameters.ts';

export const redis: DatastoreDefinition = {
  name: 'redis',
  versions: ['7.0'],
  defaultVersion: '7.0',
  port: 6379,
  discoveryPort: SENTINEL_PORT,
  commitModes: ['async'],
  members: { min: 1, max: 5 },
  admin: { user: 'admin', database: '0' },
  parameters: PARAMETERS,
  reserved: RESERVED,
  accounts,
  // The primary answers at once; so many replicas must have answered it in the last seconds, else it takes no writes.
  acknowledgements: (voters) => Math.floor(voters / 2),
  comparePositions,
  // Redis keeps SHA-256 of a password, without salt: what is drawn at random needs none.
  passwordVerifier: (password) => createHash('sha256').update(password).digest('hex'),
  endpoints,
  localEndpoint,
  completeUri,
};
