// `npm run simulate`: lives through seeded worlds of the whole system and says what must not have happened and did.
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SetupError, setup } from './setup.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
try {
  await setup({ quiet: true });
  process.setSourceMapsEnabled(true);
  const { main } = await import(pathToFileURL(join(root, 'test/dist/simulation/main.js')).href);
  process.exitCode = await main(process.argv.slice(2), console.log);
} catch (error) {
  process.stderr.write(`${error instanceof SetupError ? `argosy: ${error.message}` : (error.stack ?? error)}\n`);
  process.exitCode = 1;
}
