// Generates, compiles what is out of date, and bundles the agent.
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleAgent } from './bundle.mjs';
import { generate } from './generate.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function build() {
  generate();
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b'], {
    cwd: root,
    stdio: 'inherit',
  });
  bundleAgent();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
