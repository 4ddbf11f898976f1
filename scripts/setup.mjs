// Makes a fresh clone ready: dependencies, then the build. Node's builtins only, for nothing is installed yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NEEDED_NODE = [20, 19];

/** What is told to the person who started it, without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}

/** Installs what is missing or out of date, and builds. @throws SetupError */
export async function setup({ quiet = false } = {}) {
  demandNode(process.versions.node);
  if (!isInstalled(root)) install();
  if (!quiet) process.stdout.write('Building (what is up to date is skipped).\n');
  try {
    const { build } = await import('./build.mjs');
    build();
  } catch (error) {
    throw new SetupError('The build failed; the compiler says why above.', { cause: error });
  }
}

/** @throws SetupError */
export function demandNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [neededMajor, neededMinor] = NEEDED_NODE;
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  throw new SetupError(`Node ${NEEDED_NODE.join('.')} or newer is needed; this is ${version}.`);
}

/**
 * True when what npm wrote down of its last installation agrees with the lock file. Times are not compared: a checkout
 * changes them at will.
 */
export function isInstalled(folder) {
  const hidden = join(folder, 'node_modules/.package-lock.json');
  if (!existsSync(hidden)) return false;
  try {
    const wanted = readPackages(join(folder, 'package-lock.json'));
    const installed = readPackages(hidden);
    return Object.entries(wanted).every(([path, entry]) => {
      // Packages for other platforms stay away; workspaces are links.
      if (path === '' || entry.optional || entry.devOptional || !path.includes('node_modules/')) return true;
      const found = installed[path];
      const isSame = found !== undefined && found.version === entry.version && found.integrity === entry.integrity;
      return isSame && existsSync(join(folder, path));
    });
  } catch {
    return false;
  }
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

function install() {
  process.stdout.write('Installing the dependencies (npm ci).\n');
  // Under `npm start` this is the npm that started us, also when another is first on the path.
  const npm = process.env.npm_execpath;
  const isScript = npm !== undefined && /\.c?js$/.test(npm);
  const [command, ...first] = isScript ? [process.execPath, npm] : ['npm'];
  const { status, signal, error } = spawnSync(command, [...first, 'ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status === 0) return;
  const how = error === undefined ? `exit ${status ?? signal}` : error.message;
  throw new SetupError(
    `The dependencies could not be installed (npm ci: ${how}). A package registry must be reachable once; ` +
      '"npm config get registry" shows which one is asked, and npm\'s own words are above.',
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setup();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`argosy: ${error.message}\n`);
    process.exit(1);
  }
}
