// One line an engine.
import { postgresqlFixture } from '../postgresql/contract-fixture.ts';
import type { EngineFixture } from './fixture.ts';

export const fixtures: Readonly<Record<string, EngineFixture>> = {
  postgresql: postgresqlFixture,
};
