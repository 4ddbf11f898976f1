// HOT, as much of it as Argosy's templates use: parameters, resources, outputs and three functions. Pure. What real Heat
// knows and no template of ours uses is refused here, so that a template that works on microcloud works there too.
import { parse } from 'yaml';

/** A request that Heat refuses with 400. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  /** Heat's name of the error. */
  readonly type: string;

  constructor(message: string, type = 'StackValidationFailed') {
    super(message);
    this.type = type;
  }
}

export interface ParameterSchema {
  readonly type: string;
  readonly default?: unknown;
  readonly hidden?: boolean;
}

export interface ResourceDefinition {
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly dependsOn: readonly string[];
}

export interface Template {
  readonly description: string;
  readonly parameters: Readonly<Record<string, ParameterSchema>>;
  readonly resources: Readonly<Record<string, ResourceDefinition>>;
  readonly outputs: Readonly<Record<string, { readonly description?: string; readonly value: unknown }>>;
}

const VERSIONS = ['2018-08-31', '2021-04-16', 'rocky', 'wallaby'];
const SECTIONS = ['heat_template_version', 'description', 'parameters', 'resources', 'outputs'];
const FUNCTIONS = ['get_param', 'get_resource', 'get_attr'];
/** Heat's other functions: a map with one of these as its only key is not data. */
const UNUSED_FUNCTIONS = [
  ...['get_file', 'list_join', 'list_concat', 'list_concat_unique', 'str_replace', 'str_replace_strict', 'str_split'],
  ...['str_replace_vstrict', 'repeat', 'resource_facade', 'digest', 'map_merge', 'map_replace', 'yaql', 'equals', 'if'],
  ...['not', 'and', 'or', 'filter', 'make_url', 'contains'],
];
const PARAMETER_TYPES = ['string', 'number', 'json', 'comma_delimited_list', 'boolean'];

/** Reads and checks a template's own shape. @throws TemplateError */
export function readTemplate(source: unknown): Template {
  const raw = asMap(
    typeof source === 'string' ? parse(source) : source,
    'The template is not a JSON object or YAML mapping.',
  );
  for (const section of Object.keys(raw)) {
    if (!SECTIONS.includes(section)) throw new TemplateError(`The template section is invalid: ${section}`);
  }
  const version = String(raw.heat_template_version);
  if (!VERSIONS.includes(version)) {
    throw new TemplateError(
      `The template version is invalid: "heat_template_version: ${version}".`,
      'InvalidTemplateVersion',
    );
  }
  const template = {
    description: typeof raw.description === 'string' ? raw.description : 'No description',
    parameters: entries(raw.parameters, readParameter),
    resources: entries(raw.resources, readResource),
    outputs: entries(raw.outputs, (output) => output as { value: unknown }),
  };
  const double = Object.keys(template.parameters).filter((name) => name in template.resources);
  if (double.length > 0) throw new TemplateError(`Duplicate names {${double.map((name) => `'${name}'`).join(', ')}}`);
  checkReferences(template);
  return template;
}

function readParameter(raw: Record<string, unknown>, name: string): ParameterSchema {
  if (!PARAMETER_TYPES.includes(String(raw.type)))
    throw new TemplateError(`Invalid type (${raw.type}) of parameter ${name}`);
  return raw as unknown as ParameterSchema;
}

function readResource(raw: Record<string, unknown>, name: string): ResourceDefinition {
  for (const key of Object.keys(raw)) {
    if (!['type', 'properties', 'depends_on'].includes(key)) {
      throw new TemplateError(`"${key}" is not a valid keyword inside a resource definition`);
    }
  }
  if (typeof raw.type !== 'string') throw new TemplateError(`Resource ${name} must have a type`);
  const dependsOn = raw.depends_on ?? [];
  return {
    type: raw.type,
    properties: (raw.properties ?? {}) as Record<string, unknown>,
    dependsOn: (Array.isArray(dependsOn) ? dependsOn : [dependsOn]).map(String),
  };
}

function checkReferences(template: Template): void {
  const check = (value: unknown, where: string): void => {
    for (const call of calls(value)) {
      const name = String(Array.isArray(call.argument) ? call.argument[0] : call.argument);
      if (!FUNCTIONS.includes(call.name))
        throw new TemplateError(`${where}: the function ${call.name} is not supported`);
      if (call.name === 'get_param') {
        if (name in template.parameters || name.startsWith('OS::')) continue;
        throw new TemplateError(`${where}: The Parameter (${name}) was not provided.`);
      }
      if (!(name in template.resources))
        throw new TemplateError(`The specified reference "${name}" (in ${where}) is incorrect.`);
    }
  };
  for (const [name, resource] of Object.entries(template.resources)) {
    check(resource.properties, `resources.${name}`);
    for (const other of resource.dependsOn) check({ get_resource: other }, `resources.${name}`);
  }
  for (const [name, output] of Object.entries(template.outputs)) check(output.value, `outputs.${name}`);
}

/** The values of all parameters: those given, else the defaults. @throws TemplateError */
export function bindParameters(
  template: Template,
  given: Readonly<Record<string, unknown>>,
  refuseUnknown: (name: string) => TemplateError,
): Record<string, unknown> {
  for (const name of Object.keys(given)) if (!(name in template.parameters)) throw refuseUnknown(name);
  const bound: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(template.parameters)) {
    const value = given[name] ?? schema.default;
    if (value === undefined)
      throw new TemplateError(`The Parameter (${name}) was not provided.`, 'UserParameterMissing');
    if (schema.type === 'number' && !Number.isFinite(Number(value))) {
      throw new TemplateError(`Parameter '${name}' is invalid: could not convert string to float: '${value}'`);
    }
    bound[name] = schema.type === 'number' ? Number(value) : value;
  }
  return bound;
}

/** What a template's functions ask. `attribute` and `reference` may answer undefined while it is not known. */
export interface Scope {
  parameter(name: string): unknown;
  reference(resource: string): unknown;
  attribute(resource: string, attribute: string): unknown;
}

/** The value with every function replaced by what it gives. */
export function resolve(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(item, scope));
  if (typeof value !== 'object' || value === null) return value;
  const call = asCall(value);
  if (call === undefined)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, scope)]));

  const [name, ...path] = (Array.isArray(call.argument) ? call.argument : [call.argument]).map(String);
  if (call.name === 'get_param') return select(scope.parameter(name ?? ''), path);
  if (call.name === 'get_resource') return scope.reference(name ?? '');
  return select(scope.attribute(name ?? '', path[0] ?? ''), path.slice(1));
}

/** The resources' names, each after those that it needs. @throws TemplateError when they need one another. */
export function creationOrder(template: Template): string[] {
  const needs = new Map(
    Object.entries(template.resources).map(([name, { properties, dependsOn }]) => {
      const named = calls(properties)
        .filter((call) => call.name !== 'get_param')
        .map((call) => String(Array.isArray(call.argument) ? call.argument[0] : call.argument));
      return [name, new Set([...named, ...dependsOn])] as const;
    }),
  );
  const order: string[] = [];
  while (order.length < needs.size) {
    const next = [...needs].find(
      ([name, of]) => !order.includes(name) && [...of].every((other) => order.includes(other)),
    );
    if (next === undefined) throw new TemplateError('Circular Dependency Found', 'CircularDependencyException');
    order.push(next[0]);
  }
  return order;
}

interface FunctionCall {
  readonly name: string;
  readonly argument: unknown;
}

function calls(value: unknown): FunctionCall[] {
  if (Array.isArray(value)) return value.flatMap(calls);
  if (typeof value !== 'object' || value === null) return [];
  const call = asCall(value);
  return call === undefined ? Object.values(value).flatMap(calls) : [call, ...calls(call.argument)];
}

function asCall(value: object): FunctionCall | undefined {
  const [entry, ...others] = Object.entries(value);
  if (entry === undefined || others.length > 0) return undefined;
  const [name, argument] = entry;
  return FUNCTIONS.includes(name) || UNUSED_FUNCTIONS.includes(name) ? { name, argument } : undefined;
}

function select(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], value);
}

function asMap(value: unknown, message: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TemplateError(message);
  return value as Record<string, unknown>;
}

function entries<Item>(
  raw: unknown,
  read: (item: Record<string, unknown>, name: string) => Item,
): Record<string, Item> {
  if (raw === undefined || raw === null) return {};
  const map = asMap(raw, 'A section of the template is not a mapping.');
  return Object.fromEntries(
    Object.entries(map).map(([name, item]) => [name, read(asMap(item, `"${name}" is not a mapping.`), name)]),
  );
}
