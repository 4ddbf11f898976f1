// The process of one gateway peer: `node main.js --config FILE`. It alone reads the environment.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { systemClock, watchLifeline } from '@argosy/proto';
import { pino } from 'pino';
import { readConfig } from './config.ts';
import { GatewayPeer } from './peer.ts';

const { values } = parseArgs({ options: { config: { type: 'string' } } });
if (values.config === undefined) {
  process.stderr.write('Usage: main.js --config FILE\n');
  process.exit(2);
}
const config = readConfig(values.config);
const logger = pino({ base: { process: 'gateway', peer: config.peer.name }, timestamp: pino.stdTimeFunctions.isoTime });

const peer = await GatewayPeer.open({
  config,
  credentials: {
    certificate: readFileSync(config.certificateFile, 'utf8'),
    key: readFileSync(config.keyFile, 'utf8'),
    root: readFileSync(config.rootFile, 'utf8'),
  },
  clock: systemClock,
  log: ({ message, ...fields }) => logger.info(fields, message),
  onFatal: (error) => {
    logger.fatal({ error: error.stack }, 'the peer cannot go on');
    process.exit(1);
  },
});

let isEnding = false;
function end(reason: string): void {
  if (isEnding) return;
  isEnding = true;
  logger.info({ reason }, 'peer ends');
  void peer.close().then(() => process.exit(0));
}
process.on('SIGTERM', () => end('SIGTERM'));
process.on('SIGINT', () => end('SIGINT'));
if (config.lifeline !== undefined) watchLifeline(config.lifeline, () => end('lifeline lost'));
