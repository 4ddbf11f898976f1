import type { DescField, DescMessage } from '@bufbuild/protobuf';
import test from 'ava';
import { z } from 'zod';
import { CONSISTENCY } from '../rest/reading.ts';
import type { Route } from '../rest/route.ts';
import { serve } from '../rest/server-for-tests.ts';
import { Messages, wordOf } from './messages.ts';
import { type Method, methodsOf } from './methods.ts';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly not?: unknown;
}

/** What REST has of a message that the message has not, or the other way; of the words of its enums too. */
function differences(message: DescMessage, schema: Schema, place: string, isComplete: boolean): string[] {
  const properties = withoutNever(shapeOf(schema).properties ?? {});
  const fields = new Map(message.fields.map((field) => [field.name, field]));
  const here = Object.keys(properties).filter((name) => !fields.has(name));
  const there = isComplete ? [...fields.keys()].filter((name) => !Object.hasOwn(properties, name)) : [];
  return [
    ...here.map((name) => `${place}.${name} is only in REST`),
    ...there.map((name) => `${place}.${name} is only in ${message.typeName}`),
    ...[...fields].flatMap(([name, field]) => {
      const property = properties[name];
      return property === undefined ? [] : differencesOfField(field, shapeOf(property), `${place}.${name}`);
    }),
  ];
}

function differencesOfField(field: DescField, schema: Schema, place: string): string[] {
  const one = schema.items === undefined ? schema : shapeOf(schema.items);
  if (field.enum !== undefined) {
    const words = field.enum.values.flatMap(({ name }) => (field.enum && wordOf(field.enum, name)) ?? []);
    const known = one.enum ?? (one.const === undefined ? [] : [one.const]);
    return words.sort().join() === [...known].sort().join() ? [] : [`${place}: ${words} is not ${known}`];
  }
  if (field.message === undefined || field.message.typeName.startsWith('google.')) return [];
  return field.message.name === 'Names' ? [] : differences(field.message, one, place, true);
}

/** Of what may also be null, what it else is. */
function shapeOf(schema: Schema): Schema {
  return schema.anyOf?.find((each) => each.properties !== undefined || each.enum !== undefined) ?? schema;
}

function withoutNever(properties: Readonly<Record<string, Schema>>): Record<string, Schema> {
  return Object.fromEntries(Object.entries(properties).filter(([, { not }]) => not === undefined));
}

/** With every part where it is used, whatever has a name of its own. */
function schemaOf(type: z.ZodType | undefined, io: 'input' | 'output'): Schema {
  if (type === undefined) return {};
  const { $defs, ...schema } = z.toJSONSchema(type, { io, unrepresentable: 'any' });
  const inline = (_name: string, value: { $ref?: string }): unknown => {
    const name = /^#\/\$defs\/(.+)$/.exec(value?.$ref ?? '')?.[1];
    return name === undefined ? value : JSON.parse(JSON.stringify($defs?.[name]), inline);
  };
  return JSON.parse(JSON.stringify(schema), inline);
}

const messages = new Messages();
const methods = (routes: readonly Route[]): Method[] => methodsOf(messages, routes);

/** The differences that there shall be. */
const INTENDED = [
  // REST has one answer for all changes; only some of them make a password.
  /(UpdateCluster|DeleteCluster|SwitchOver|FailOver|ReplaceMember)\.credentials is only in REST$/,
  /(DeleteUser|GrantPrivilege|RevokePrivilege|CreateDatabase|DeleteDatabase)\.credentials is only in REST$/,
  // Events are gone on with after `after`, never by a header; a watch has no pages.
  /(ListEvents|Watch)\.last_event_id is only in REST$/,
  /Watch\.limit is only in REST$/,
];

function schemaOfRequest(route: Route): Schema {
  const consistency = route.method === 'GET' ? { consistency: CONSISTENCY } : {};
  const query = Object.entries({ ...route.query, ...consistency });
  const headers = (route.headers ?? []).map((name) => [name.replaceAll('-', '_'), {}] as const);
  return {
    properties: {
      ...schemaOf(route.body, 'input').properties,
      ...Object.fromEntries([...route.path.matchAll(/:([a-z]+)/g)].map(([, name = '']) => [name, {}])),
      ...Object.fromEntries(query.map(([name, type]) => [name, schemaOf(type, 'input')])),
      ...Object.fromEntries(headers),
    },
  };
}

test('every route of REST is a method, and every method is a route', async (t) => {
  const { routes } = await serve(t);
  const named = methods(routes).map(({ route }) => route.name);

  t.deepEqual([...new Set(named)].sort(), routes.map(({ name }) => name).sort());
});

test('a message says what REST says: the fields of a body, of an answer, and the words of its values', async (t) => {
  const { routes } = await serve(t);
  for (const { description, route, path } of methods(routes)) {
    const answers = [route.answers[200], route.answers[202]].flatMap((answer) => {
      const { links, ...properties } = schemaOf(answer, 'output').properties ?? {};
      return Object.entries(properties);
    });
    const output = { properties: Object.fromEntries(answers) };
    const event = { properties: { event: output.properties.events?.items ?? {} } };
    const answer = description.methodKind === 'unary' ? output : event;
    const unlike = [
      ...differences(description.output, answer, path, false),
      ...differences(description.input, schemaOfRequest(route), path, true),
    ];
    t.deepEqual(
      unlike.filter((each) => !INTENDED.some((pattern) => pattern.test(each))),
      [],
    );
  }
});
