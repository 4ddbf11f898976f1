// The database engine that the demo's members run: found on the machine or unpacked, by a program of the images' own.
import { join } from 'node:path';
import { z } from 'zod';
import { demoDatastore } from './demo-datastore.ts';
import { runPreparing } from './preparing-program.ts';

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
  const { name, version } = demoDatastore();
  const script = join(options.repository, 'images/dist/engines/main.js');
  const command = [script, '--datastore', name, '--version', version, '--directory', options.directory];
  const { onProgress, signal } = options;
  const what = 'The engine is not available';
  const last = await runPreparing({ what, command, limitMs: LIMIT_MS, onProgress, signal });
  return `${name} ${describeEngine(last, name, version)}`;
}

const answerSchema = z.record(
  z.string(),
  z.record(z.string(), z.looseObject({ mode: z.string(), release: z.string() })),
);

/** The release that was found, and whether it is the system's; not knowing it is no failure. */
function describeEngine(line: string, name: string, version: string): string {
  try {
    const found = answerSchema.parse(JSON.parse(line))[name]?.[version];
    return found === undefined ? version : `${found.release} (${found.mode})`;
  } catch {
    return version;
  }
}
