// The process of one gateway peer: `node main.js --config FILE`; and the recovery of a federation from this peer's
// directory: `node main.js recover --config FILE`. It alone reads the environment.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { systemClock, watchLifeline } from '@argosy/proto';
import { pino } from 'pino';
import { DirectoryLockedError } from 'raft-ts';
import { readConfig } from './config.ts';
import { GatewayPeer } from './peer.ts';
import { recoverGateway } from './recover.ts';

const { values, positionals } = parseArgs({ options: { config: { type: 'string' } }, allowPositionals: true });
if (values.config === undefined || positionals.some((word, at) => at > 0 || word !== 'recover')) {
  process.stderr.write('Usage: main.js [recover] --config FILE\n');
  process.exit(2);
}
const config = readConfig(values.config);
if (positionals.length > 0) {
  try {
    const recovery = await recoverGateway(config, randomUUID(), new Date().toISOString());
    process.stdout.write(`${JSON.stringify(recovery, undefined, 2)}\n`);
    process.stderr.write(
      `The federation is this peer now. Give every peer "clusterId": "${recovery.clusterId}" in its configuration, start ` +
        'this one, and add others with new ids and empty directories.\n',
    );
    process.exit(0);
  } catch (error) {
    const advice =
      error instanceof DirectoryLockedError
        ? 'Stop the peer first, and what would start it again. Nothing was changed.'
        : 'Nothing can be said of the directory: recover again.';
    process.stderr.write(`${(error as Error).message}\n${advice}\n`);
    process.exit(1);
  }
}
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
