// `main.ts --config FILE`: a region on one machine.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock, watchLifeline } from '@argosy/proto';
import { pino } from 'pino';
import { microcloudConfig } from './config.ts';
import { startMicrocloud, startUnderHeat } from './microcloud.ts';

const log = pino({ base: { process: 'microcloud' } });
const { values } = parseArgs({ options: { config: { type: 'string' } } });
if (values.config === undefined) throw new Error('Usage: main --config FILE');
const config = microcloudConfig.parse(JSON.parse(readFileSync(values.config, 'utf8')));

// Guests that are written in JavaScript run on the Node that we run on.
const path = `${dirname(process.execPath)}:${process.env.PATH ?? '/usr/bin:/bin'}`;
const world = { clock: systemClock, log, path };
const { bind } = config;
const microcloud =
  'facesPort' in bind
    ? await startUnderHeat({ ...config, bind }, world)
    : await startMicrocloud({ ...config, bind }, world);
const { close, ...urls } = microcloud;
log.info({ region: config.region, ...urls }, 'serving');

let isEnding = false;
function end(reason: string): void {
  if (isEnding) return;
  isEnding = true;
  log.info({ reason }, 'ending');
  void close().finally(() => process.exit(0));
}
process.on('SIGTERM', () => end('SIGTERM'));
process.on('SIGINT', () => end('SIGINT'));
// Whoever started the whole machine is gone: nothing is written any more, so that its next life finds what was active.
if (config.lifeline !== undefined) watchLifeline(config.lifeline, () => process.exit(0));
