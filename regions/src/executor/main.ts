// `main.ts --config FILE`: the executor of one region.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { systemClock, watchLifeline } from '@argosy/proto';
import { pino } from 'pino';
import { executorConfig, readSecrets } from './config.ts';
import { startExecutor } from './executor.ts';

const log = pino({ base: { process: 'executor' } });
const { values } = parseArgs({ options: { config: { type: 'string' } } });
if (values.config === undefined) throw new Error('Usage: main --config FILE');
const config = executorConfig.parse(JSON.parse(readFileSync(values.config, 'utf8')));

const executor = await startExecutor(config, readSecrets(config), { clock: systemClock, log });
log.info({ region: config.region, grpc: executor.grpcPort, admin: executor.adminPort }, 'serving');

let isEnding = false;
function end(reason: string): void {
  if (isEnding) return;
  isEnding = true;
  log.info({ reason }, 'ending');
  void executor.close().finally(() => process.exit(0));
}
process.on('SIGTERM', () => end('SIGTERM'));
process.on('SIGINT', () => end('SIGINT'));
if (config.lifeline !== undefined) watchLifeline(config.lifeline, () => end('lifeline'));
