// One line an engine.
import { mariadbFixture } from '../mariadb/contract-fixture.ts';
import { postgresqlFixture } from '../postgresql/contract-fixture.ts';
import { redisFixture } from '../redis/contract-fixture.ts';
import type { EngineFixture } from './fixture.ts';

export const fixtures: Readonly<Record<string, EngineFixture>> = {
  mariadb: mariadbFixture,
  postgresql: postgresqlFixture,
  redis: redisFixture,
};
