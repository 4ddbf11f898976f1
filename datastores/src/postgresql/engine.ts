import type { EngineDriver } from '../engine-driver.ts';
import { connectForDrill } from './drill-client.ts';
import { postgresqlDriver } from './driver.ts';
import { postgresqlSession } from './session.ts';

export const postgresqlEngine: EngineDriver = { create: postgresqlDriver, session: postgresqlSession, connectForDrill };
