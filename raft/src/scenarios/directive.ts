// The data-driven format: a file is a sequence of directives, each with its input, a line `----`, and the output that
// is expected of it, which ends at an empty line. Output that has empty lines itself stands between two pairs of `----`.

export interface Argument {
  readonly key: string;
  /** `key=value` has one, `key=(a,b)` two, `key` alone none. */
  readonly values: readonly string[];
}

export interface Directive {
  readonly line: number;
  readonly command: string;
  readonly arguments: readonly Argument[];
  readonly input: string;
  readonly expected: string;
}

const separator = '----';

/** The command and arguments of one line. */
export function parseLine(line: string): Pick<Directive, 'command' | 'arguments'> {
  const words = line.match(/(?:\([^)]*\)|\S)+/g) ?? [];
  const [command = '', ...rest] = words;
  return { command, arguments: rest.map(parseArgument) };
}

function parseArgument(word: string): Argument {
  const at = word.indexOf('=');
  if (at < 0) return { key: word, values: [] };
  const value = word.slice(at + 1);
  const list = /^\((.*)\)$/.exec(value)?.[1];
  const values = list === undefined ? [value] : list.split(',').map((item) => item.trim());
  return { key: word.slice(0, at), values: values.filter((item) => item !== '') };
}

/** All directives of a file, in order. Throws when one has no expected output. */
export function parseDirectives(text: string): Directive[] {
  const lines = text.split('\n');
  const directives: Directive[] = [];
  for (let at = 0; at < lines.length; ) {
    const first = lines[at] ?? '';
    if (first.trim() === '' || first.startsWith('#')) {
      at += 1;
      continue;
    }
    const parsed = parseAt(lines, at);
    directives.push(parsed.directive);
    at = parsed.end;
  }
  return directives;
}

function parseAt(lines: readonly string[], start: number): { directive: Directive; end: number } {
  let at = start;
  let line = lines[at] ?? '';
  for (; line.endsWith('\\') && at + 1 < lines.length; at += 1) line = line.slice(0, -1) + (lines[at + 1] ?? '');
  const bar = lines.indexOf(separator, at + 1);
  if (bar < 0) throw new Error(`Line ${start + 1}: this directive has no \`${separator}\` and no expected output.`);
  const input = lines
    .slice(at + 1, bar)
    .join('\n')
    .trim();
  const isLong = lines[bar + 1] === separator;
  const from = isLong ? bar + 2 : bar + 1;
  let end = from;
  const isEnd = (index: number) =>
    isLong ? lines[index] === separator && lines[index + 1] === separator : (lines[index] ?? '').trim() === '';
  while (end < lines.length && !isEnd(end)) end += 1;
  const expected = lines.slice(from, end).join('\n');
  return { directive: { line: start + 1, ...parseLine(line), input, expected }, end: isLong ? end + 2 : end };
}

/** The only value of an argument that must have one. */
export function onlyValue({ key, values }: Argument): string {
  const [value, ...more] = values;
  if (value === undefined || more.length > 0) throw new Error(`${key} takes one value`);
  return value;
}

export function readWhole(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${text} is not a whole number`);
  return Number(text);
}

export function readBoolean(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new Error(`${text} is neither true nor false`);
  return text === 'true';
}
