// Redis' parameters, by its own redis.conf. What concerns replication, durability and who may come in is the cluster's.
import type { ParameterDefinition } from '../parameters.ts';

const EVICTIONS = [
  ...['noeviction', 'allkeys-lru', 'allkeys-lfu', 'allkeys-random'],
  ...['volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl'],
];

export const PARAMETERS: Readonly<Record<string, ParameterDefinition>> = {
  'maxmemory-policy': {
    ...{ type: 'choice', choices: EVICTIONS, default: 'noeviction', restart: false },
    description: 'what goes when the memory is full',
  },
  timeout: {
    ...{ type: 'integer', min: 0, max: 86_400, default: '0', restart: false },
    description: 'seconds after which an idle client is cut off; 0: never',
  },
  'slowlog-max-len': {
    ...{ type: 'integer', min: 0, max: 10_000, default: '128', restart: false },
    description: 'how many slow commands are remembered',
  },
  databases: {
    ...{ type: 'integer', min: 1, max: 1_024, default: '16', restart: true },
    description: 'how many numbered databases there are',
  },
};

export const RESERVED: Readonly<Record<string, string>> = {
  appendonly: 'what was acknowledged is to be on the disk',
  appendfsync: 'what was acknowledged is to be on the disk',
  replicaof: 'who follows whom is decided by the cluster',
  'min-replicas-to-write': 'it is given by the number of voters',
  maxmemory: 'it is given by the flavor',
  requirepass: 'users have passwords of their own',
};
