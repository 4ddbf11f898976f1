import { encodeBase64, hashSync } from 'bcryptjs';
import type { DatastoreDefinition } from '../definition.ts';
import { completeUri, endpoints, localEndpoint } from './endpoints.ts';
import { PARAMETERS, RESERVED } from './parameters.ts';

/** Of bcrypt: 2 to the power of this many rounds, etcd's own default. */
const COST = 10;
const SALT_BYTES = 16;

/** Where members hear each other. */
export const PEER_PORT = 2380;

export const etcd: DatastoreDefinition = {
  name: 'etcd',
  versions: ['3.4'],
  defaultVersion: '3.4',
  port: 2379,
  peerPorts: [PEER_PORT],
  commitModes: ['engine'],
  members: { min: 1, max: 7 },
  admin: { user: 'admin', database: '' },
  parameters: PARAMETERS,
  reserved: RESERVED,
  fixedPassword:
    'etcd 3.4 takes a new password only in clear and writes it into its log, and Argosy knows only what is made of one: the first user keeps the password that the cluster was made with.',
  acknowledgements: (voters) => Math.floor(voters / 2),
  comparePositions: (left, right) => left.epoch - right.epoch || Number(left.value) - Number(right.value),
  passwordVerifier: (password, salt) =>
    hashSync(password, `$2a$${COST}$${encodeBase64(salt.subarray(0, SALT_BYTES), SALT_BYTES)}`),
  endpoints,
  localEndpoint,
  completeUri,
};
