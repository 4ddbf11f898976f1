import type { EngineDriver } from '../engine-driver.ts';
import { connectForDrill } from './drill-client.ts';
import { mariadbDriver } from './driver.ts';
import { galeraDriver } from './galera/driver.ts';

export const mariadbEngine: EngineDriver = { create: mariadbDriver, createRuled: galeraDriver, connectForDrill };
