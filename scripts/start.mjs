// `npm start`: makes the clone ready, then becomes the supervisor of a local federation. It is one process, so that what
// ends it ends the federation: signals arrive where they are handled, and the lifeline hangs on this process.
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SetupError, setup } from './setup.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const parent = process.ppid;

try {
  await setup();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`argosy: ${error.message}\n`);
  process.exit(1);
}

// Whoever started us was killed while we built: then nobody is there to stop what we would start.
if (process.ppid !== parent) process.exit(1);

process.setSourceMapsEnabled(true);
await import(pathToFileURL(join(root, 'gateway/dist/local/main.js')).href);
