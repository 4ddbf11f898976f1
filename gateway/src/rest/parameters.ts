// What a tenant wishes of an engine's parameters, read by the engine's definition: what is not known is refused with the
// nearest name, what a tenant may not touch with the reason.
import {
  type DatastoreDefinition,
  isContradiction,
  nearestOf,
  type ParameterValues,
  readParameter,
} from '@argosy/datastores';
import { z } from 'zod';
import type { ParameterSet } from '../state/spec.ts';
import { ApiError, invalidField } from './errors.ts';

const MAX_PARAMETERS = 200;
const MAX_NAME = 64;

const value = z.union([z.string().max(MAX_NAME), z.number(), z.boolean()]);
const name = z.string().min(1).max(MAX_NAME);
const few = (values: object): boolean => Object.keys(values).length <= MAX_PARAMETERS;
const tooMany = { message: `must have at most ${MAX_PARAMETERS} parameters` };

export const newParameters = z
  .record(name, value)
  .refine(few, tooMany)
  .meta({ description: "By name; see the datastore's." });

export const changedParameters = z
  .record(name, value.nullable())
  .refine(few, tooMany)
  .meta({ description: 'Those that are not named stay. Null, or an empty text, takes a value away.' });

type Given = Readonly<Record<string, string | number | boolean | null>>;

/** The set that is wished from now on; the same one when nothing of it changes. @throws ApiError */
export function changeParameters(
  current: ParameterSet | undefined,
  given: Given | undefined,
  definition: DatastoreDefinition,
): ParameterSet | undefined {
  const before = current?.values ?? {};
  const values: Record<string, string> = { ...before };
  for (const [key, wished] of Object.entries(given ?? {})) {
    const known = demandParameter(key, definition);
    if (wished === null || wished === '') {
      delete values[key];
      continue;
    }
    const read = readParameter(known, wished);
    if ('wrong' in read) throw invalidField(`cluster.parameters.${key}`, read.wrong);
    values[key] = read.value;
  }
  if (isSame(before, values)) return current;
  if (isContradiction(definition.parameters, before, values)) {
    throw invalidField(
      'cluster.parameters',
      'of those that a replica needs at least as much of as its primary, some become higher and some lower: the one begins with the replicas, the other with the primary, so make it two changes',
    );
  }
  return { generation: (current?.generation ?? 0) + 1, values: sorted(values) };
}

function demandParameter(key: string, { name: datastore, parameters, reserved = {} }: DatastoreDefinition) {
  if (Object.hasOwn(reserved, key)) {
    throw new ApiError('parameter.reserved', `The parameter "${key}" cannot be set: ${reserved[key]}.`);
  }
  const known = Object.hasOwn(parameters, key) ? parameters[key] : undefined;
  if (known !== undefined) return known;
  const nearest = nearestOf(Object.keys(parameters), key);
  const hint =
    nearest === undefined ? ` \`argosy datastore show ${datastore}\` lists them.` : ` Did you mean "${nearest}"?`;
  throw new ApiError('parameter.unknown', `${datastore} has no parameter "${key}".${hint}`);
}

function isSame(left: ParameterValues, right: ParameterValues): boolean {
  return JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));
}

function sorted(values: ParameterValues): ParameterValues {
  return Object.fromEntries(Object.entries(values).sort(([left], [right]) => (left < right ? -1 : 1)));
}
