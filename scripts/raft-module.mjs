// Tools of the raft package that are no part of its interface, compiled when they are out of date.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { generate } from './generate.mjs';
import { isInstalled, setup } from './setup.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A compiled module of `raft`, by its path below `raft/dist`. */
export async function raftModule(path) {
  if (isInstalled(root)) compile();
  else await setup({ quiet: true });
  return import(pathToFileURL(join(root, 'raft/dist', path)).href);
}

function compile() {
  generate();
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  // Standard output is for results; what the compiler says goes where errors go.
  const { status } = spawnSync(process.execPath, [compiler, '-b', 'raft'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('raft could not be compiled; the compiler says why above.');
}
