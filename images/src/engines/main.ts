// Makes an engine available on this machine: progress on stderr, the list of engines as the last line on stdout.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { EngineError, type EngineMode } from './engines.ts';
import { prepareEngine } from './prepare.ts';

const USAGE =
  'usage: node images/dist/engines/main.js (--datastore NAME --version VERSION | --user-data FILE) --directory DIR [--mode system|unpacked]';

const userDataSchema = z.object({ datastore: z.string(), version: z.string() });

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      datastore: { type: 'string' },
      version: { type: 'string' },
      'user-data': { type: 'string' },
      directory: { type: 'string' },
      mode: { type: 'string' },
    },
  });
  const { directory, 'user-data': userData } = values;
  const { datastore, version } =
    userData === undefined ? values : userDataSchema.parse(JSON.parse(await readFile(userData, 'utf8')));
  const mode = values.mode ?? process.env.ARGOSY_ENGINES;
  const isMode = (text: string | undefined): text is EngineMode | undefined =>
    text === undefined || text === 'system' || text === 'unpacked';
  if (datastore === undefined || version === undefined || directory === undefined || !isMode(mode)) {
    console.error(USAGE);
    return 2;
  }
  const progress = (sentence: string): void => console.error(sentence);
  const engines = await prepareEngine(
    { datastore, version, directory, mode },
    { isRoot: process.getuid?.() === 0, progress },
  );
  console.log(JSON.stringify(engines));
  return 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof EngineError ? error.message : error);
    process.exitCode = 1;
  },
);
