// `npm test -- --changed [REV]`: which tests a change can touch. A test depends on what it imports, on every file or
// folder that is named in a string of what it reaches (that is how programs are started and data are read), and so on. A
// test that starts a federation thereby depends on all that it starts.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from './check-boundaries.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** What builds and runs the tests touches all of them. */
const TOUCHES_ALL = [
  /^([^/]+\/)?(package|package-lock|tsconfig|tsconfig\.base)\.json$/,
  /^ava\.config\.js$/,
  /^scripts\/(setup|build|generate|bundle|test|run-tests|test-report|changed-tests)\.mjs$/,
];
/** These read the whole repository. */
const READS_ALL = /^test\/src\/tidy[^/]*\.test\.ts$/;
const CODE = /\.(ts|mjs|js|sh|py)$/;
/** What is made from something else, and from what. */
const MADE = [
  [/^images\/dist\/bundle\/.*/, 'images/src/agent/main.ts'],
  [/^([^/]+)\/dist\/(.*)\.js$/, '$1/src/$2.ts'],
  [/^([^/]+)\/dist(\/.*)?$/, '$1/src$2'],
  [/^([^/]+\/src\/.*)\.js$/, '$1.ts'],
];
const DESCRIPTORS = 'proto/src/generated/descriptors.binpb';

/** What `--changed` stands for without a revision: what is not in the main branch yet. */
export function defaultRevision() {
  for (const branch of ['main', 'origin/main']) {
    if (isRevision(branch)) return git('merge-base', 'HEAD', branch).trim();
  }
  return 'HEAD';
}

export function isRevision(name) {
  try {
    git('rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`);
    return true;
  } catch {
    return false;
  }
}

/** Files that differ from the revision: committed since, not committed yet, or new. */
export function changedFiles(revision) {
  const differing = git('diff', '--name-only', '--no-renames', '-z', revision, '--').split('\0');
  const added = git('ls-files', '--others', '--exclude-standard', '-z').split('\0');
  return [...new Set([...differing, ...added])].filter((name) => name !== '').sort();
}

/** Each file with what it imports, starts or reads; a folder ends with a slash. */
export function readGraph() {
  const graph = namedFiles();
  for (const { source, dependencies } of cruise().modules) {
    const known = graph.get(source) ?? new Set();
    for (const { resolved } of dependencies) known.add(resolved);
    graph.set(source, known);
  }
  return graph;
}

/** The files and folders that the repository's code names in its strings. */
export function namedFiles() {
  const files = new Set(git('ls-files', '--cached', '--others', '--exclude-standard', '-z').split('\0'));
  const folders = new Set([...files].flatMap(foldersOf));
  const graph = new Map();
  for (const name of [...files].filter((file) => CODE.test(file))) {
    let text;
    try {
      text = readFileSync(join(root, name), 'utf8');
    } catch {
      continue;
    }
    graph.set(name, new Set(namedIn(name, text, { files, folders })));
  }
  for (const name of [...files].filter((file) => /^proto\/.*\.proto$/.test(file))) {
    const made = name.replace(/^proto\/(.*)\.proto$/, 'proto/src/generated/$1.ts');
    for (const file of [made, DESCRIPTORS]) graph.set(file, new Set([...(graph.get(file) ?? []), name]));
  }
  return graph;
}

/** What a text names: relative to its own file, or from the repository's root on. */
export function namedIn(name, text, { files, folders }) {
  const isScript = /\.(sh|py)$/.test(name);
  const strings = isScript
    ? text.replace(/\$\{?\w+\}?/g, '').matchAll(/()([\w./][\w./-]*)/g)
    : text.replace(/^\s*(\/\/|\/?\*).*$/gm, '').matchAll(/(['"`])((?:(?!\1)[^\\\n])*)\1/g);
  const found = new Set();
  for (const [, , string] of strings) {
    // What is put in later may be any file of the folder.
    const token = string.replace(/(^|[^/]*)\$\{.*$/, '');
    if (!/^[\w@.-]*(\/[\w@.-]*)*$/.test(token) || !/[/.]/.test(token) || !/\w/.test(token)) continue;
    for (const path of [posix.join(posix.dirname(name), token), posix.normalize(token.replace(/^(\.?\.?\/)+/, ''))]) {
      const origin = originOf(path.replace(/\/$/, ''));
      if (files.has(origin)) found.add(origin);
      else if (/^\.|\/$/.test(token) && folders.has(origin)) found.add(`${origin}/`);
    }
  }
  found.delete(name);
  return found;
}

/** The tests, among these, that reach what changed. */
export function testsTouchedBy(changed, graph, tests) {
  if (changed.length === 0) return [];
  if (changed.some((name) => TOUCHES_ALL.some((pattern) => pattern.test(name)))) return tests;
  const files = new Set([...changed, ...changed.flatMap((name) => foldersOf(name).map((folder) => `${folder}/`))]);
  return tests.filter((name) => READS_ALL.test(name) || reaches(name, files, graph));
}

function reaches(start, wanted, graph) {
  const seen = new Set([start]);
  for (const name of seen) {
    if (wanted.has(name)) return true;
    for (const next of graph.get(name) ?? []) seen.add(next);
  }
  return false;
}

function originOf(path) {
  for (const [pattern, origin] of MADE) if (pattern.test(path)) return path.replace(pattern, origin);
  return path;
}

/** Every folder that a file is in, below the root. */
function foldersOf(name) {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

function git(...args) {
  // A checkout may belong to another user than the one who tests it.
  return execFileSync('git', ['-c', 'safe.directory=*', ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 64 * 1024 * 1024,
  });
}
