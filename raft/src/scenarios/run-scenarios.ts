// Runs scenario files and compares what each directive prints with what it expects, line for line. Lines that begin
// with a log level are the log of another implementation and are left out on both sides.
import { basename, dirname } from 'node:path';
import { ConfChangeEnvironment } from './confchange-environment.ts';
import { type Directive, parseDirectives } from './directive.ts';
import type { Environment } from './environment.ts';
import { InteractionEnvironment } from './interaction-environment.ts';
import { QuorumEnvironment } from './quorum-environment.ts';

export interface ScenarioFailure {
  readonly line: number;
  readonly command: string;
  /** Lines that begin with `-` were expected, with `+` printed, with a space both. */
  readonly difference: string;
}

export interface ScenarioResult {
  readonly passed: number;
  readonly failures: readonly ScenarioFailure[];
}

const environments: Readonly<Record<string, () => Environment>> = {
  quorum: () => new QuorumEnvironment(),
  confchange: () => new ConfChangeEnvironment(),
  interaction: () => new InteractionEnvironment(),
};

const kindOfDirective: Readonly<Record<string, string>> = {
  committed: 'quorum',
  vote: 'quorum',
  simple: 'confchange',
  'enter-joint': 'confchange',
  'leave-joint': 'confchange',
};

/** By the nearest folder with an environment's name, or else by the first directive. */
function environmentOf(path: string, first: Directive | undefined): Environment {
  let kind: string | undefined;
  for (let folder = dirname(path); kind === undefined && folder !== dirname(folder); folder = dirname(folder)) {
    if (Object.hasOwn(environments, basename(folder))) kind = basename(folder);
  }
  const byDirective = first === undefined ? undefined : kindOfDirective[first.command];
  const make = environments[kind ?? byDirective ?? 'interaction'];
  if (make === undefined) throw new Error(`There is no environment ${kind}.`);
  return make();
}

/** Runs the text of one scenario file. Throws when it is none. */
export function runScenario(path: string, text: string): ScenarioResult {
  const directives = parseDirectives(text);
  const environment = environmentOf(path, directives[0]);
  const failures: ScenarioFailure[] = [];
  for (const directive of directives) {
    const difference = runDirective(environment, directive);
    if (difference !== undefined) failures.push({ line: directive.line, command: directive.command, difference });
  }
  return { passed: directives.length - failures.length, failures };
}

function runDirective(environment: Environment, directive: Directive): string | undefined {
  const expected = comparable(directive.expected);
  try {
    const printed = comparable(environment.run(directive));
    if (expected.join('\n') === printed.join('\n')) return undefined;
    return differenceOf(expected, printed);
  } catch (error) {
    return `${differenceOf(expected, [])}\n! ${(error as Error).message}`;
  }
}

function comparable(output: string): string[] {
  const lines = output.split('\n').map((line) => line.trimEnd());
  const kept = lines.filter((line) => line !== '' && !/^\s*(DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\b/.test(line));
  // Printed when there is nothing else to print, which the log may have been.
  return kept.length === 1 && kept[0] === 'ok' ? [] : kept;
}

/** The longest common lines stay; what is between them was exchanged. */
function differenceOf(expected: readonly string[], printed: readonly string[]): string {
  const lengths = Array.from({ length: expected.length + 1 }, () => new Array<number>(printed.length + 1).fill(0));
  const at = (row: number, column: number) => lengths[row]?.[column] ?? 0;
  for (let row = expected.length - 1; row >= 0; row -= 1) {
    for (let column = printed.length - 1; column >= 0; column -= 1) {
      const isSame = expected[row] === printed[column];
      const length = isSame ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
      (lengths[row] as number[])[column] = length;
    }
  }
  const lines: string[] = [];
  for (let row = 0, column = 0; row < expected.length || column < printed.length; ) {
    if (row < expected.length && column < printed.length && expected[row] === printed[column]) {
      lines.push(`  ${expected[row]}`);
      row += 1;
      column += 1;
    } else if (row < expected.length && at(row + 1, column) >= at(row, column + 1)) {
      lines.push(`- ${expected[row]}`);
      row += 1;
    } else if (column < printed.length) {
      lines.push(`+ ${printed[column]}`);
      column += 1;
    } else {
      lines.push(`- ${expected[row]}`);
      row += 1;
    }
  }
  return lines.join('\n');
}
