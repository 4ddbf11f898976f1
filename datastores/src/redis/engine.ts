import type { EngineDriver } from '../engine-driver.ts';
import { redisDriver } from './driver.ts';
import { redisDiscovery } from './sentinel-server.ts';

export const redisEngine: EngineDriver = { create: redisDriver, discovery: redisDiscovery };
