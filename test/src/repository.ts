// What the repository holds, for the tests that look after its tidiness: files that are committed or will be, never
// what git ignores.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Names from the repository's root, sorted. */
export function repositoryFiles(): readonly string[] {
  // A checkout may belong to another user than the one who tests it.
  const args = ['-c', 'safe.directory=*', 'ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const names = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0');
  return [...new Set(names)].filter((name) => name !== '' && existsSync(join(root, name))).sort();
}

export function read(name: string): string {
  return readFileSync(join(root, name), 'utf8');
}

export function exists(name: string): boolean {
  return existsSync(join(root, name));
}

/** Code that people write: TypeScript, scripts, the language between processes. */
export function sourceFiles(): readonly string[] {
  return repositoryFiles().filter((name) => /\.(ts|mts|js|mjs|cjs|proto)$/.test(name) || name === '.ci/run');
}

export function typescriptFiles(): readonly string[] {
  return repositoryFiles().filter((name) => /\.(ts|mts|js|mjs)$/.test(name));
}

export function documents(): readonly string[] {
  return repositoryFiles().filter((name) => name.endsWith('.md'));
}

export function parse(name: string): ts.SourceFile {
  return ts.createSourceFile(name, read(name), ts.ScriptTarget.Latest, true);
}

/** Calls for every node of a file. */
export function visit(file: ts.SourceFile, onNode: (node: ts.Node) => void): void {
  const walk = (node: ts.Node): void => {
    onNode(node);
    ts.forEachChild(node, walk);
  };
  walk(file);
}

/** `name:line` of a node. */
export function place(file: ts.SourceFile, node: ts.Node): string {
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1}`;
}

/** A file and all that it imports by relative names. */
export function reachedFrom(name: string, reached = new Set<string>()): ReadonlySet<string> {
  if (reached.has(name) || !exists(name)) return reached;
  reached.add(name);
  for (const statement of parse(name).statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    const specifier = statement.moduleSpecifier;
    if (specifier === undefined || !ts.isStringLiteral(specifier) || !specifier.text.startsWith('.')) continue;
    reachedFrom(posix.join(posix.dirname(name), specifier.text), reached);
  }
  return reached;
}
