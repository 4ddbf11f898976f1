// A stack's template with its nested templates put in: which resource is a type of ours and which is a template that
// the environment names. Checked as a whole before anything is made, as Heat does; pure but for the checks it is given.
import {
  bindParameters,
  creationOrder,
  type ResourceDefinition,
  readTemplate,
  resolve,
  type Scope,
  type Template,
  TemplateError,
} from './hot.ts';
import type { Properties, ResourceType } from './resource-type.ts';

const MAX_DEPTH = 5;

export interface StackSource {
  readonly template: unknown;
  readonly environment: unknown;
  readonly files: Readonly<Record<string, string>>;
}

/** One template, and for each of its resources either a type or another tree. */
export interface Tree {
  readonly template: Template;
  /** Each after those that it needs. */
  readonly order: readonly string[];
  readonly nested: Readonly<Record<string, Tree>>;
}

/** Reads the templates of a stack. @throws TemplateError */
export function readTree(source: StackSource, types: Readonly<Record<string, ResourceType>>, depth = 0): Tree {
  if (depth > MAX_DEPTH) throw new TemplateError('Recursion depth exceeds 5.', 'RequestLimitExceeded');
  const template = readTemplate(source.template);
  const nested: Record<string, Tree> = {};
  const resources: Record<string, ResourceDefinition> = {};
  for (const [name, definition] of Object.entries(template.resources)) {
    const meant = registry(source.environment)[definition.type];
    // The environment may also say that a type is another.
    const [type, file] =
      meant === undefined || types[meant] !== undefined
        ? [meant ?? definition.type, undefined]
        : [definition.type, meant];
    resources[name] = { ...definition, type };
    if (file !== undefined) {
      const content = source.files[file];
      if (content === undefined) throw new TemplateError(`Could not fetch remote template '${file}'`);
      nested[name] = readTree({ ...source, template: content }, types, depth + 1);
    } else if (types[type] === undefined) {
      throw new TemplateError(`ERROR: The Resource Type (${type}) could not be found.`);
    }
  }
  return { template: { ...template, resources }, order: creationOrder(template), nested };
}

function registry(environment: unknown): Record<string, string> {
  const map =
    (environment as { resource_registry?: Record<string, unknown> } | null | undefined)?.resource_registry ?? {};
  return Object.fromEntries(Object.entries(map).map(([type, file]) => [type, String(file)]));
}

/** Checks every resource's properties as far as they are known without making anything. @throws TemplateError */
export function checkTree(
  tree: Tree,
  parameters: Properties,
  check: (type: string, properties: Properties) => string | undefined,
  types: Readonly<Record<string, ResourceType>>,
): void {
  const scope: Scope = {
    parameter: (name) => parameters[name],
    reference: () => undefined,
    attribute: () => undefined,
  };
  for (const [name, definition] of Object.entries(tree.template.resources)) {
    const properties = resolve(definition.properties, scope) as Properties;
    const nested = tree.nested[name];
    const fail = (why: string): TemplateError =>
      new TemplateError(`Property error: resources.${name}.properties: ${why}`);
    if (nested !== undefined) {
      const unknown = (property: string): TemplateError => fail(`Unknown Property ${property}`);
      for (const [property, schema] of Object.entries(nested.template.parameters)) {
        const isGiven = property in definition.properties || schema.default !== undefined;
        if (!isGiven) throw fail(`Property ${property} not assigned`);
      }
      // What a nested template's values are good for is only seen when its stack is made.
      checkTree(nested, bindKnown(nested.template, properties, unknown), () => undefined, types);
      continue;
    }
    const known = types[definition.type]?.properties ?? {};
    for (const property of Object.keys(definition.properties)) {
      if (!(property in known)) throw fail(`Unknown Property ${property}`);
    }
    for (const [property, isRequired] of Object.entries(known)) {
      if (isRequired && !(property in definition.properties)) throw fail(`Property ${property} not assigned`);
    }
    const problem = check(definition.type, properties);
    if (problem !== undefined) throw new TemplateError(`Property error: resources.${name}.properties.${problem}`);
  }
}

/** As `bindParameters`, where some values are not known yet. */
function bindKnown(template: Template, given: Properties, unknown: (name: string) => TemplateError): Properties {
  for (const name of Object.keys(given)) if (!(name in template.parameters)) throw unknown(name);
  return Object.fromEntries(
    Object.entries(template.parameters).map(([name, schema]) => [name, given[name] ?? schema.default]),
  );
}

/** The values of a nested stack's parameters: its resource's properties. */
export function nestedParameters(tree: Tree, properties: Properties): Properties {
  return bindParameters(tree.template, properties, (name) => new TemplateError(`Unknown Property ${name}`));
}
