// The executor of one region: `main.ts --config FILE`. Before its first start:
// `main.ts init --federation F --region R --directory DIR` and `main.ts install-certificate FILE --directory DIR`.
import { parseArgs } from 'node:util';
import { systemClock, TrustError, watchLifeline } from '@argosy/proto';
import { pino } from 'pino';
import { ConfigError, DEFAULT_CERTIFICATE_DAYS, readConfig, readSecrets } from './config.ts';
import { startExecutor } from './executor.ts';
import { initialise, installCertificate, SetUpError } from './set-up.ts';

const USAGE = `usage: main --config FILE
       main init --federation NAME --region NAME --directory DIR
       main install-certificate FILE --directory DIR`;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    options: { config: text, federation: text, region: text, directory: text },
    allowPositionals: true,
  });
  const { config, federation, region, directory } = values;
  const [command, file] = positionals;
  if (command === undefined && config !== undefined) return serve(config);
  if (command === 'init' && federation !== undefined && region !== undefined && directory !== undefined) {
    return say(await initialise({ federation, region, directory }));
  }
  if (command === 'install-certificate' && file !== undefined && directory !== undefined) {
    const [now, days] = [systemClock.now(), DEFAULT_CERTIFICATE_DAYS];
    return say(await installCertificate({ file, directory, now, days }));
  }
  console.error(USAGE);
  process.exitCode = EXIT_USAGE;
}

function say(lines: readonly string[]): void {
  for (const line of lines) console.log(line);
}

async function serve(file: string): Promise<void> {
  const log = pino({ base: { process: 'executor' } });
  const config = readConfig(file);
  const executor = await startExecutor(config, readSecrets(config), { clock: systemClock, log });
  log.info({ region: config.region, grpc: executor.grpcPort, admin: executor.adminPort }, 'serving');

  let isEnding = false;
  const end = (reason: string): void => {
    if (isEnding) return;
    isEnding = true;
    log.info({ reason }, 'ending');
    void executor.close().finally(() => process.exit(0));
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  if (config.lifeline !== undefined) watchLifeline(config.lifeline, () => end('lifeline'));
}

main().catch((error: unknown) => {
  const isPlain = [SetUpError, TrustError, ConfigError].some((kind) => error instanceof kind);
  console.error(isPlain ? (error as Error).message : error);
  process.exit(EXIT_FAILED);
});
