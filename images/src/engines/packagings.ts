// How each datastore is packaged. A new engine is one line here.

import { etcdPackaging } from './etcd.ts';
import { mariadbPackaging } from './mariadb.ts';
import type { Packaging } from './packaging.ts';
import { postgresqlPackaging } from './postgresql.ts';
import { redisPackaging } from './redis.ts';

export const packagings: Readonly<Record<string, Packaging>> = {
  mariadb: mariadbPackaging,
  postgresql: postgresqlPackaging,
  redis: redisPackaging,
  etcd: etcdPackaging,
};
