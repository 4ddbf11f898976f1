// The database engine that the members run: found on the machine or unpacked, by a program of the images' own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { StartError } from './errors.ts';

const DATASTORE = 'postgresql';
const VERSION = '15';
/** A slow network may take minutes to fetch the packages. */
const LIMIT_MS = 10 * 60_000;
const KEPT_LINES = 20;

export interface EngineOptions {
  readonly repository: string;
  readonly directory: string;
  /** One line at a time of what it is doing. */
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Makes the engine available. Returns what was found, in a few words. @throws StartError */
export async function prepareEngine(options: EngineOptions): Promise<string> {
  const script = join(options.repository, 'images/dist/engines/main.js');
  const args = [script, '--datastore', DATASTORE, '--version', VERSION, '--directory', options.directory];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    signal: options.signal,
  });
  const errors: string[] = [];
  let last = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    errors.push(line);
    if (errors.length > KEPT_LINES) errors.shift();
    options.onProgress(line);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    last = line;
  });
  const how = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : `exit ${code ?? signal}`));
  });
  options.signal.throwIfAborted();
  if (how !== undefined) throw new StartError(`The engine is not available (${how}):\n${errors.join('\n')}`);
  return `PostgreSQL ${describeEngine(last)}`;
}

const answerSchema = z.object({
  [DATASTORE]: z.object({ [VERSION]: z.looseObject({ mode: z.string(), release: z.string() }) }),
});

/** The release that was found, and whether it is the system's; not knowing it is no failure. */
function describeEngine(line: string): string {
  try {
    const { mode, release } = answerSchema.parse(JSON.parse(line))[DATASTORE][VERSION];
    return `${release} (${mode})`;
  } catch {
    return VERSION;
  }
}
