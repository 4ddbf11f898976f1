// The database engine that the members run: found on the machine or unpacked, by a program of the images' own.
import { join } from 'node:path';
import { z } from 'zod';
import { runPreparing } from './preparing-program.ts';

const DATASTORE = 'postgresql';
const VERSION = '15';
/** A slow network may take minutes to fetch the packages. */
const LIMIT_MS = 10 * 60_000;

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
  const command = [script, '--datastore', DATASTORE, '--version', VERSION, '--directory', options.directory];
  const { onProgress, signal } = options;
  const what = 'The engine is not available';
  const last = await runPreparing({ what, command, limitMs: LIMIT_MS, onProgress, signal });
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
