// Who imports whom, by dependency-cruiser and the rules of .dependency-cruiser.mjs. A tool that reads nothing finds
// nothing, so this fails as well when a package's sources were not read or its imports of ours were not followed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mayImport } from '../.dependency-cruiser.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packages = Object.keys(mayImport);

/** Returns how much was read; throws a line for each violation. */
export function checkBoundaries() {
  const { modules, summary } = cruise();
  const problems = [
    ...summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    ...packages.flatMap((name) => unreadSources(name, modules)),
  ];
  if (problems.length > 0) throw new Error([...new Set(problems)].join('\n'));
  return `${modules.length} modules, ${summary.totalDependenciesCruised} imports`;
}

/** What dependency-cruiser tells of every package. */
export function cruise() {
  const args = [
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'json',
    ...packages.map((name) => `${name}/src`),
  ];
  const { stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/depcruise'), args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  try {
    return JSON.parse(stdout);
  } catch (error) {
    throw new Error(`dependency-cruiser gave no answer:\n${stderr}`, { cause: error });
  }
}

/** The source files of a package that dependency-cruiser did not read. */
function unreadSources(name, modules) {
  const read = new Set(
    modules.filter((module) => module.source.startsWith(`${name}/src/`)).map(({ source }) => source),
  );
  if (read.size === 0) return [`${name}: no module was read`];

  const folder = join(root, name, 'src');
  const sources = existsSync(folder) ? readdirSync(folder, { recursive: true }) : [];
  return sources
    .filter((file) => file.endsWith('.ts') && !read.has(`${name}/src/${file}`))
    .map((file) => `${name}/src/${file}: was not read`);
}
