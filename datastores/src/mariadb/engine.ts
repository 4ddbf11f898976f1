import type { EngineDriver } from '../engine-driver.ts';
import { connectForDrill } from './drill-client.ts';
import { mariadbDriver } from './driver.ts';
import { galeraArbiter } from './galera/arbiter.ts';
import { galeraDriver } from './galera/driver.ts';

export const mariadbEngine: EngineDriver = {
  ...{ create: mariadbDriver, createRuled: galeraDriver, createArbiter: galeraArbiter },
  connectForDrill,
};
