// etcd's parameters, by the names of its own options. It reads them when it starts.
import type { ParameterDefinition } from '../parameters.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export const PARAMETERS: Readonly<Record<string, ParameterDefinition>> = {
  'quota-backend-bytes': {
    ...{ type: 'integer', min: 64 * MIB, max: 8 * GIB, default: String(2 * GIB), restart: true },
    description: 'how large the database may become before writes are refused',
  },
  'auto-compaction-retention': {
    ...{ type: 'integer', min: 0, max: 8_760, default: '0', restart: true },
    description: 'hours after which old revisions of keys are forgotten; 0: never',
  },
  'snapshot-count': {
    ...{ type: 'integer', min: 1_000, max: 1_000_000, default: '100000', restart: true },
    description: 'transactions between two snapshots of the log',
  },
  'max-request-bytes': {
    ...{ type: 'integer', min: 64 * 1024, max: 16 * MIB, default: '1572864', restart: true },
    description: 'how large one request may be',
  },
  'max-txn-ops': {
    ...{ type: 'integer', min: 16, max: 10_000, default: '128', restart: true },
    description: 'how many operations one transaction may have',
  },
};

export const RESERVED: Readonly<Record<string, string>> = {
  'heartbeat-interval': 'it is the same for all members, at every moment',
  'election-timeout': 'it is the same for all members, at every moment',
  'initial-cluster': 'who the members are is decided by the cluster',
  'data-dir': 'it is given by the volume',
  'listen-client-urls': 'it is given by the address',
  'unsafe-no-fsync': 'what was acknowledged is to be on the disk',
};
