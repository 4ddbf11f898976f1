// Makes an engine available on this machine: progress on stderr, the list of engines as the last line on stdout.
import { parseArgs } from 'node:util';
import { EngineError, type EngineMode } from './engines.ts';
import { prepareEngine } from './prepare.ts';

const USAGE =
  'usage: node images/dist/engines/main.js --datastore postgresql --version 15 --directory DIR [--mode system|unpacked]';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      datastore: { type: 'string' },
      version: { type: 'string' },
      directory: { type: 'string' },
      mode: { type: 'string' },
    },
  });
  const { datastore, version, directory } = values;
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
