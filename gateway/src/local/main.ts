// The process behind `npm start`. It alone reads the environment and the signals.
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { systemClock } from '@argosy/proto';
import { REPOSITORY } from '../cli/argosy-home.ts';
import { describeError } from '../cli/errors.ts';
import { openTerminal, type Terminal } from '../cli/terminal.ts';
import { npmAncestors, watchAncestors } from './ancestors.ts';
import { StartError } from './errors.ts';
import { homePaths } from './home-paths.ts';
import { checkMachine, firstEphemeralPort } from './machine.ts';
import { runFederation } from './run.ts';
import { readStartOptions, StartUsageError, USAGE } from './start-options.ts';

const EXIT_STOPPED = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** npm passes a terminal's Ctrl-C on, so that one keystroke arrives twice. */
const SAME_KEYSTROKE_MS = 1_000;

/** Its user wants it to end. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

const terminal = openTerminal(process.stdout, process.stderr);
// Whoever read our output may go away; that is no reason to leave databases without an orderly end.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
const code = await main(process.argv.slice(2), terminal);
process.exit(code);

async function main(args: readonly string[], screen: Terminal): Promise<number> {
  const ending = new AbortController();
  const impatience = new AbortController();
  const stopWatching = watchAncestors(npmAncestors(process.env), () => ending.abort(new Interrupted()));
  listenToSignals(ending, impatience);
  try {
    const options = readStartOptions(args, firstEphemeralPort());
    if (options.wantsHelp) {
      screen.out(USAGE);
      return EXIT_STOPPED;
    }
    const [limits, memory] = ['/proc/self/limits', '/proc/meminfo'].map((path) => readFileSync(path, 'utf8'));
    const warnings = checkMachine(limits ?? '', memory ?? '', options.openstack?.length ?? 0);
    for (const warning of warnings) screen.out(warning);
    const home = process.env.ARGOSY_HOME;
    await runFederation({
      ...options,
      paths: homePaths(home === undefined || home === '' ? join(REPOSITORY, '.argosy') : resolve(home)),
      repository: REPOSITORY,
      uid: process.getuid?.() ?? 0,
      temporary: tmpdir(),
      reservations: join(tmpdir(), 'argosy-slots'),
      environment: process.env,
      terminal: screen,
      clock: systemClock,
      ending,
      impatience: impatience.signal,
    });
    return EXIT_STOPPED;
  } catch (error) {
    return leave(error, screen);
  } finally {
    stopWatching();
  }
}

function leave(error: unknown, screen: Terminal): number {
  screen.redraw([]);
  if (error instanceof Interrupted) {
    screen.out('argosy stopped');
    return EXIT_STOPPED;
  }
  const known = error instanceof StartError || error instanceof StartUsageError ? error.message : describeError(error);
  screen.error(`argosy: ${known ?? (error instanceof Error ? (error.stack ?? error.message) : String(error))}`);
  if (error instanceof StartError && error.cause instanceof Error) {
    screen.error(`  because: ${error.cause.message}`);
  }
  return error instanceof StartUsageError ? EXIT_USAGE : EXIT_FAILED;
}

function listenToSignals(ending: AbortController, impatience: AbortController): void {
  let firstMs: number | undefined;
  const onSignal = (): void => {
    const now = systemClock.monotonicMs();
    if (firstMs === undefined) {
      firstMs = now;
      ending.abort(new Interrupted());
      return;
    }
    if (now - firstMs > SAME_KEYSTROKE_MS) impatience.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}
