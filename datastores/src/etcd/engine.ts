import type { EngineDriver } from '../engine-driver.ts';
import { etcdDriver } from './driver.ts';

export const etcdEngine: EngineDriver = { createRuled: etcdDriver };
