// The agent as one file, for a guest to boot: it starts in half the time, and with nothing else to install beside Node. Beside
// it lies what this Node has compiled of it, which halves the time once more.
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'images/dist/bundle');

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // The program is read without decoding it.
  charset: 'ascii',
  logLevel: 'error',
};

/** Bundles what the compiler made of the agent. @throws Error when something of it is not found */
export function bundleAgent() {
  const { metafile } = buildSync({
    ...common,
    entryPoints: [join(root, 'images/dist/agent/main.js')],
    outdir: folder,
    // Another program has another name, and so another cache.
    entryNames: 'program-[hash]',
    outExtension: { '.js': '.cjs' },
    keepNames: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    metafile: true,
    // pg looks whether it runs in a worker of Cloudflare's by making a `Response`, which loads all of Node's `fetch`.
    define: { Response: 'undefined' },
  });
  const program = Object.keys(metafile.outputs).find((name) => name.endsWith('.cjs'));
  if (program === undefined) throw new Error('The agent was not bundled.');
  const name = basename(program, '.cjs');
  buildSync({
    ...common,
    entryPoints: [join(root, 'images/dist/agent/bundled.js')],
    outfile: join(folder, 'agent.cjs'),
    define: { PROGRAM: JSON.stringify(name) },
  });
  // A guest that starts meanwhile finds what it begins with.
  for (const old of readdirSync(folder)) {
    if (old.startsWith('program-') && !old.startsWith(name)) rmSync(join(folder, old));
  }
  execFileSync(process.execPath, [join(folder, 'agent.cjs'), 'keep-compiled'], { stdio: 'inherit' });
}
