// `npm run faults`: makes the clone ready, then makes random faults in a federation of real processes.
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SetupError, setup } from './setup.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
try {
  await setup({ quiet: true });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`argosy: ${error.message}\n`);
  process.exit(1);
}
process.setSourceMapsEnabled(true);
await import(pathToFileURL(join(root, 'test/dist/faults/main.js')).href);
