// The process of the agent: reads the environment, starts, and ends cleanly when the guest does or its lifeline breaks.
import { drivers, type EngineDriver, systemFiles, systemProcesses } from '@argosy/datastores/drivers';
import { systemClock, watchLifeline } from '@argosy/proto';
import { pino } from 'pino';
import { startAgent } from './agent.ts';
import { ConfigError, EngineMissingError, readConfig } from './config.ts';
import { VolumeError } from './state.ts';

/** sysexits' EX_CONFIG: a restart does not help. */
const EXIT_CONFIG = 78;
/** The guest's init fetches the engine, then starts the agent again. */
const EXIT_NO_ENGINE = 79;

/** As a machine does whose power is cut: nothing is tidied up. */
function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

const log = pino({
  base: { process: 'agent', pid: process.pid },
  timestamp: pino.stdTimeFunctions.isoTime,
  serializers: { error: pino.stdSerializers.err },
});

/** Answers when it serves. */
async function serve(): Promise<void> {
  const config = await readConfig(process.env);
  const member = log.child({ member: config.member.memberId });
  const processes = systemProcesses(config.owner, systemClock);
  const early = new AbortController();
  const machine = { clock: systemClock, processes, files: systemFiles };
  const engine = await engineOf(config.userData.datastore);
  const starting = startAgent({ config, engine, ...machine, log: member, signal: early.signal, die });
  let isEnding = false;
  const end = (reason: string): void => {
    if (isEnding) return;
    isEnding = true;
    member.info({ reason }, 'The agent ends.');
    early.abort();
    const ending = starting.then(
      (agent) => agent.end(),
      () => undefined,
    );
    ending.then(
      () => process.exit(0),
      (error: unknown) => {
        member.error({ error }, 'The database did not end cleanly.');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  if (config.lifeline !== undefined) watchLifeline(config.lifeline, () => end('lifeline'));
  try {
    await starting;
  } catch (error) {
    if (isEnding) return;
    throw error;
  }
}

/** @throws ConfigError */
async function engineOf(datastore: string): Promise<EngineDriver> {
  const engine = await drivers[datastore]?.();
  if (engine === undefined) throw new ConfigError(`This image has no driver for "${datastore}".`);
  return engine;
}

export async function runAgent(): Promise<void> {
  await serve().catch((error: unknown) => {
    log.fatal({ error }, 'The agent cannot start.');
    if (error instanceof EngineMissingError) process.exit(EXIT_NO_ENGINE);
    process.exit(error instanceof ConfigError || error instanceof VolumeError ? EXIT_CONFIG : 1);
  });
}
