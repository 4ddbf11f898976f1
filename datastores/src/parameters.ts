// Parameters: settings of an engine that a tenant may change. Each has a type with bounds, and every value is written in
// one way only, so that what is wished and what is in force are compared as texts. Pure.

interface About {
  /** What it is for, in a phrase. */
  readonly description: string;
  /** A running server does not take it: it starts anew. */
  readonly restart: boolean;
  /** Without a value of the tenant's; absent where it depends on the guest. */
  readonly default?: string;
  /** A replica needs at least what its primary has: a lower value is the primary's first, a higher one its last. */
  readonly replicaNeedsAtLeast?: true;
}

export type ParameterDefinition = About &
  (
    | { readonly type: 'integer' | 'number'; readonly min: number; readonly max: number }
    | { readonly type: 'boolean' }
    | { readonly type: 'choice'; readonly choices: readonly string[] }
    /** Such as `500ms`, `30s`, `5min`; 0 stands for none where `min` is 0. */
    | { readonly type: 'duration'; readonly minMs: number; readonly maxMs: number }
    /** Such as `64kB`, `16MB`; powers of 1024. */
    | { readonly type: 'size'; readonly minBytes: number; readonly maxBytes: number }
  );

/** By name, as `readParameter` writes them. */
export type ParameterValues = Readonly<Record<string, string>>;

const DURATIONS = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZES = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const;
const BOOLEANS: Readonly<Record<string, string>> = {
  ...{ true: 'on', on: 'on', yes: 'on', '1': 'on' },
  ...{ false: 'off', off: 'off', no: 'off', '0': 'off' },
};
const MAX_CHARACTERS = 64;

/** A value in the one way in which it is written; or what is wrong with it, in a phrase after the name. */
export function readParameter(
  definition: ParameterDefinition,
  given: string | number | boolean,
): { readonly value: string } | { readonly wrong: string } {
  const text = String(given).trim();
  if (text.length > MAX_CHARACTERS) return { wrong: `must have at most ${MAX_CHARACTERS} characters` };
  switch (definition.type) {
    case 'boolean': {
      const value = Object.hasOwn(BOOLEANS, text.toLowerCase()) ? BOOLEANS[text.toLowerCase()] : undefined;
      return value === undefined ? { wrong: 'must be on or off' } : { value };
    }
    case 'choice': {
      const value = definition.choices.find((choice) => choice === text.toLowerCase());
      return value === undefined ? { wrong: `must be one of: ${definition.choices.join(', ')}` } : { value };
    }
    case 'integer':
    case 'number':
      return readNumber(definition, text);
    case 'duration':
      return readMeasure(text, { units: DURATIONS, min: definition.minMs, max: definition.maxMs, isA: 'a duration' });
    case 'size':
      return readMeasure(text, { units: SIZES, min: definition.minBytes, max: definition.maxBytes, isA: 'a size' });
  }
}

/** What can be written for it, in a phrase. */
export function describeBounds(definition: ParameterDefinition): string {
  switch (definition.type) {
    case 'boolean':
      return 'on, off';
    case 'choice':
      return definition.choices.join(', ');
    case 'integer':
    case 'number':
      return `${definition.min} to ${definition.max}`;
    case 'duration':
      return `${write(definition.minMs, DURATIONS)} to ${write(definition.maxMs, DURATIONS)}`;
    case 'size':
      return `${write(definition.minBytes, SIZES)} to ${write(definition.maxBytes, SIZES)}`;
  }
}

/** Whether a server that runs with the one must start anew to run with the other. */
export function needsRestart(
  definitions: Readonly<Record<string, ParameterDefinition>>,
  from: ParameterValues,
  to: ParameterValues,
): boolean {
  return differing(from, to).some((name) => definitions[name]?.restart === true);
}

/** Whether one becomes lower of which a replica needs at least what its primary has. */
export function isLowered(
  definitions: Readonly<Record<string, ParameterDefinition>>,
  from: ParameterValues,
  to: ParameterValues,
): boolean {
  return ordered(definitions, from, to).some(({ before, after }) => after < before);
}

/** Those that become higher and those that become lower, where the order matters and both cannot be had at once. */
export function isContradiction(
  definitions: Readonly<Record<string, ParameterDefinition>>,
  from: ParameterValues,
  to: ParameterValues,
): boolean {
  return isLowered(definitions, from, to) && isLowered(definitions, to, from);
}

function ordered(
  definitions: Readonly<Record<string, ParameterDefinition>>,
  from: ParameterValues,
  to: ParameterValues,
): { readonly before: number; readonly after: number }[] {
  return differing(from, to).flatMap((name) => {
    const definition = definitions[name];
    if (definition?.replicaNeedsAtLeast !== true) return [];
    return [{ before: Number(from[name] ?? definition.default), after: Number(to[name] ?? definition.default) }];
  });
}

function differing(from: ParameterValues, to: ParameterValues): string[] {
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].filter((name) => from[name] !== to[name]);
}

type Read = { readonly value: string } | { readonly wrong: string };

function readNumber(
  { type, min, max }: { readonly type: 'integer' | 'number'; readonly min: number; readonly max: number },
  text: string,
): Read {
  const pattern = type === 'integer' ? /^-?\d+$/ : /^-?\d+(\.\d+)?$/;
  const isA = type === 'integer' ? 'a whole number' : 'a number';
  const number = Number(text);
  if (!pattern.test(text)) return { wrong: `must be ${isA} of ${min} to ${max}` };
  return number < min || number > max ? { wrong: `must be ${isA} of ${min} to ${max}` } : { value: String(number) };
}

interface Measure {
  readonly units: Readonly<Record<string, number>>;
  readonly min: number;
  readonly max: number;
  readonly isA: string;
}

function readMeasure(text: string, { units, min, max, isA }: Measure): Read {
  const [, count = '', unit = ''] = /^(\d{1,15})\s*([A-Za-z]*)$/.exec(text) ?? [];
  const known = Object.keys(units).find((name) => name.toLowerCase() === unit.toLowerCase());
  const factor = known === undefined ? undefined : units[known];
  const isZero = Number(count) === 0 && count !== '';
  const amount = isZero ? 0 : Number(count) * (factor ?? Number.NaN);
  const bounds = `${write(min, units)} to ${write(max, units)}`;
  if (count === '' || Number.isNaN(amount)) {
    return { wrong: `must be ${isA} of ${bounds}, with a unit (${Object.keys(units).join(', ')})` };
  }
  return amount < min || amount > max ? { wrong: `must be ${isA} of ${bounds}` } : { value: write(amount, units) };
}

/** In the largest unit of which it is a whole number. */
function write(amount: number, units: Readonly<Record<string, number>>): string {
  if (amount === 0) return '0';
  const [unit = '', factor = 1] =
    Object.entries(units)
      .reverse()
      .find(([, size]) => amount % size === 0) ?? [];
  return `${amount / factor}${unit}`;
}
