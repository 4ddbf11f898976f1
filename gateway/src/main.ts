// The process of one gateway peer: `node main.js --config FILE`; and the recovery of a federation from this peer's
// directory: `node main.js recover --config FILE [--with ID]...`. It alone reads the environment.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { systemClock, watchLifeline } from '@argosy/proto';
import { pino } from 'pino';
import { DirectoryLockedError, UnknownKindError } from 'raft-ts';
import { readConfig } from './config.ts';
import { GatewayPeer } from './peer.ts';
import { JoiningError, recoverGateway } from './recover.ts';

const { values, positionals } = parseArgs({
  options: { config: { type: 'string' }, with: { type: 'string', multiple: true } },
  allowPositionals: true,
});
const isRecovery = positionals.length === 1 && positionals[0] === 'recover';
const joining = values.with?.map(Number);
const isWrong = !(isRecovery || (positionals.length === 0 && joining === undefined));
if (values.config === undefined || isWrong || joining?.some((id) => !Number.isInteger(id))) {
  process.stderr.write('Usage: main.js --config FILE, or main.js recover --config FILE [--with ID]...\n');
  process.exit(2);
}
const config = readConfig(values.config);
if (isRecovery) {
  try {
    const [clusterId, at] = [randomUUID(), new Date().toISOString()];
    const recovery = await recoverGateway({ config, clusterId, at, ...(joining && { joining }) });
    process.stdout.write(`${JSON.stringify(recovery, undefined, 2)}\n`);
    const others =
      joining === undefined ? 'alone' : `with peer ${joining.join(', ')}, which must begin with an empty directory`;
    process.stderr.write(
      `The federation is this peer now, ${others}. Write "clusterId": "${clusterId}" into the configuration of each of ` +
        'its peers, and start them. Peers of before must never start again.\n',
    );
    process.exit(0);
  } catch (error) {
    const advice = adviceAfter(error);
    process.stderr.write(`${(error as Error).message}\n${advice}\n`);
    process.exit(1);
  }
}

function adviceAfter(error: unknown): string {
  if (error instanceof DirectoryLockedError)
    return 'Stop the peer first, and what would start it again. Nothing was changed.';
  if (error instanceof UnknownKindError) return 'Recover with the version that the peer ran. Nothing was changed.';
  if (error instanceof JoiningError) return 'Nothing was changed.';
  return 'Nothing can be said of the directory: recover again.';
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
