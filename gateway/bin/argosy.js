#!/usr/bin/env node
// A committed file, so that `npm ci` links it before anything is built.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  process.stderr.write('argosy: the command line is not built yet; run "npm run build" (or "npm start") first.\n');
  process.exitCode = 1;
}
