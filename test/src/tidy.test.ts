import test from 'ava';
import ts from 'typescript';
import {
  documents,
  parse,
  place,
  reachedFrom,
  read,
  repositoryFiles,
  sourceFiles,
  typescriptFiles,
  visit,
} from './repository.ts';

/** 300 is the aim. */
const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 70;

const THIS_FILE = 'test/src/tidy.test.ts';
/** They speak another product's protocol, which has words of its own. */
const SPEAKS_FOREIGN_WORDS =
  /^datastores\/src\/(redis\/sentinel(\.test)?|mariadb\/(accounts|config|copy|probe|relay|replica|streams))\.ts$|^images\/src\/agent\/mariadb\.test\.ts$|^test\/(by-hand\/mariadb\.sh|src\/benchmarks\/failover\/sentinel\.ts)$/;
const PURE_FOLDERS = ['raft/src/core/', 'gateway/src/planning/', 'gateway/src/placement/', 'gateway/src/state/'];
/** Clocks, chance and the world outside: in a pure folder they come in as arguments. */
const IMPURE_NAMES = new Set([
  ...['performance', 'setTimeout', 'setInterval', 'setImmediate'],
  ...['randomUUID', 'randomBytes', 'randomInt', 'getRandomValues'],
  ...['process', 'console', 'fetch'],
]);

const VAGUE_NAMES = ['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'model', 'models', 'manager', 'managers'];
const BANNED_ROLES: readonly (readonly [RegExp, string])[] = [
  [/\bmasters?\b/i, 'say primary (or leader, of peers)'],
  [/\bslaves?\b/i, 'say replica'],
];
const BANNED_WORDS: readonly (readonly [RegExp, string])[] = [
  [/\b(TODO|FIXME|XXX)\b/, 'do it, or write down in docs/ that it is not there yet'],
  [/\.\.\/shared\b|(^|[\s'"`(=:])\/(work|home)\//, 'names a place that exists on one machine only'],
];

const lineCount = (text: string): number => text.trimEnd().split('\n').length;

test('no source file is longer than 400 lines', (t) => {
  const long = sourceFiles()
    .map((name) => ({ name, lines: lineCount(read(name)) }))
    .filter(({ lines }) => lines > MAX_FILE_LINES);

  t.deepEqual(long, []);
});

test('no function is longer than 70 lines', (t) => {
  const long: string[] = [];
  for (const name of typescriptFiles()) {
    const file = parse(name);
    visit(file, (node) => {
      if (!ts.isFunctionLike(node)) return;
      const line = (position: number): number => file.getLineAndCharacterOfPosition(position).line;
      const lines = line(node.getEnd()) - line(node.getStart(file)) + 1;
      if (lines > MAX_FUNCTION_LINES) long.push(`${place(file, node)} has ${lines} lines`);
    });
  }

  t.deepEqual(long, []);
});

test('every file and folder is named after a concept', (t) => {
  const vague = repositoryFiles().filter((name) =>
    name.split('/').some((part) => {
      const words = (part.split('.')[0] ?? '').split('-');
      return VAGUE_NAMES.includes(words.at(-1) ?? '');
    }),
  );

  t.deepEqual(vague, []);
});

test('the pure folders know no clock, no chance and no world outside', (t) => {
  const inPureFolder = (name: string): boolean => PURE_FOLDERS.some((folder) => name.startsWith(folder));
  const pure = typescriptFiles().filter((name) => inPureFolder(name) && !name.endsWith('.test.ts'));
  const definitions = reachedFrom('datastores/src/index.ts');
  const impure = [...pure, ...definitions].flatMap((name) => impurities(parse(name)));

  const empty = PURE_FOLDERS.filter((folder) => !pure.some((name) => name.startsWith(folder)));
  t.deepEqual(empty, []);
  t.deepEqual(impure, []);
});

test('no test shuts the others out', (t) => {
  const only: string[] = [];
  for (const name of typescriptFiles().filter((file) => file.endsWith('.test.ts'))) {
    const file = parse(name);
    visit(file, (node) => {
      if (ts.isCallExpression(node) && /^test\b.*\.only$/s.test(node.expression.getText(file))) {
        only.push(place(file, node));
      }
    });
  }

  t.deepEqual(only, []);
});

test('sources and documents use the words of the vocabulary and leave nothing for later', (t) => {
  const found: string[] = [];
  for (const name of new Set([...sourceFiles(), ...documents(), ...repositoryFiles().filter(isTemplate)])) {
    if (name === THIS_FILE) continue;
    const banned = SPEAKS_FOREIGN_WORDS.test(name) ? BANNED_WORDS : [...BANNED_ROLES, ...BANNED_WORDS];
    for (const [index, line] of read(name).split('\n').entries()) {
      for (const [word, advice] of banned) {
        if (word.test(line)) found.push(`${name}:${index + 1}: ${word.exec(line)?.[0].trim()}: ${advice}`);
      }
    }
  }

  t.deepEqual(found, []);
});

function isTemplate(name: string): boolean {
  return /\.(ya?ml|sh|json)$/.test(name) && name !== 'package-lock.json';
}

/** Where a file reads a clock, draws a random number or touches the process. */
function impurities(file: ts.SourceFile): string[] {
  const found: string[] = [];
  visit(file, (node) => {
    const text = node.getText(file);
    const isClock = ts.isPropertyAccessExpression(node) && (text === 'Date.now' || text === 'Math.random');
    const isNow = ts.isNewExpression(node) && /^new Date(\(\))?$/.test(text);
    if (isClock || isNow || isImpureName(node)) found.push(`${place(file, node)}: ${text}`);
  });
  return found;
}

function isImpureName(node: ts.Node): boolean {
  if (!ts.isIdentifier(node) || !IMPURE_NAMES.has(node.text)) return false;
  const { parent } = node;
  const isMemberName = ts.isPropertyAccessExpression(parent) && parent.name === node;
  const isDeclaredName = (ts.isPropertySignature(parent) || ts.isPropertyAssignment(parent)) && parent.name === node;
  return !isMemberName && !isDeclaredName;
}
