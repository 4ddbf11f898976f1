// One line an engine.

import { etcdFixture } from '../etcd/contract-fixture.ts';
import { mariadbFixture } from '../mariadb/contract-fixture.ts';
import { galeraFixture } from '../mariadb/galera/contract-fixture.ts';
import { postgresqlFixture } from '../postgresql/contract-fixture.ts';
import { redisFixture } from '../redis/contract-fixture.ts';
import type { EngineFixture, RuledFixture } from './fixture.ts';

export const fixtures: Readonly<Record<string, EngineFixture>> = {
  mariadb: mariadbFixture,
  postgresql: postgresqlFixture,
  redis: redisFixture,
};

/** Of engines that rule themselves. */
export const ruledFixtures: Readonly<Record<string, RuledFixture>> = {
  etcd: etcdFixture,
  mariadb: galeraFixture,
};
