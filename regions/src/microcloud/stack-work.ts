// What microcloud's Heat does to a stack's resources: brings them to what the template says, checks them, removes them.
// A create is the update of a stack that has nothing yet. Resources are begun one after another, each only while no
// later request has overtaken the work; every step is told before the next.
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type Cloud, ResourceError } from './cloud.ts';
import { resolve, type Scope, TemplateError } from './hot.ts';
import type { Properties, ResourceType } from './resource-type.ts';
import { resourceTypes } from './resource-types.ts';
import type { ResourceRecord } from './stack-records.ts';
import { checkTree, nestedParameters, type Tree } from './stack-tree.ts';

/** Thrown inside a piece of work that a later request has overtaken. */
export class Superseded extends Error {}

export interface Work {
  readonly cloud: Cloud;
  isCurrent(): boolean;
  /** Keeps what has become of a resource. Depth 0 is the stack itself, more are the templates inside it. */
  note(record: ResourceRecord, status: string, reason: string, depth: number): void;
}

type Records = Readonly<Record<string, ResourceRecord>>;

/** Makes what is missing, changes what differs, makes anew what was never finished or is found broken. */
export async function converge(
  work: Work,
  tree: Tree,
  parameters: Properties,
  records: Records,
  depth = 0,
): Promise<void> {
  const scope = scopeOf(work.cloud, tree, parameters, records);
  for (const name of tree.order) {
    const [definition, record] = [tree.template.resources[name], records[name]];
    if (definition === undefined || record === undefined) continue;
    if (!work.isCurrent()) throw new Superseded();
    const properties = resolve(definition.properties, scope) as Properties;
    const nested = tree.nested[name];
    if (nested === undefined) {
      await convergeResource(work, record, properties, depth);
      continue;
    }
    const isNew = record.physicalId === '';
    if (isNew) record.physicalId = randomUUID();
    const inside = async (): Promise<void> => {
      const given = nestedParameters(nested, properties);
      if (isNew)
        checkTree(nested, given, (type, values) => resourceTypes[type]?.check?.(work.cloud, values), resourceTypes);
      await converge(work, nested, given, record.resources ?? {}, depth + 1);
      // A nested stack is done only when what it has replaced is gone: what comes after it begins then.
      await clean(work, record.resources ?? {});
    };
    await step(work, record, isNew ? 'CREATE' : 'UPDATE', depth, inside);
  }
  if (!work.isCurrent()) throw new Superseded();
}

async function convergeResource(
  work: Work,
  record: ResourceRecord,
  properties: Properties,
  depth: number,
): Promise<void> {
  const type = resourceTypes[record.type];
  if (type === undefined) return;
  const { cloud } = work;
  const id = record.physicalId;
  const before = record.properties;
  if (before !== undefined && !isLost(cloud, type, record)) {
    const isSame = isDeepStrictEqual(before, properties);
    if (isSame && !/^UPDATE_(FAILED|IN_PROGRESS)$/.test(record.status)) return;
    const { update } = type;
    if (update !== undefined) {
      await step(work, record, 'UPDATE', depth, () => update(cloud, id, before, properties));
      record.properties = properties;
      return;
    }
  }
  // An attachment has no id of its own: made again, it is the same one.
  if (id !== '' && type.physicalId === undefined) {
    record.replaced = [...(record.replaced ?? []), id];
    await type.release?.(cloud, id);
  }
  record.physicalId = type.physicalId?.(properties) ?? randomUUID();
  delete record.properties;
  await step(work, record, 'CREATE', depth, () => type.create(cloud, record.physicalId, properties));
  record.properties = properties;
}

/** True when a resource is to be made anew: it was found broken, or broke while it was changed. */
function isLost(cloud: Cloud, type: ResourceType, { status, physicalId }: ResourceRecord): boolean {
  if (status === 'CHECK_FAILED') return true;
  return status === 'UPDATE_FAILED' && type.ailment?.(cloud, physicalId)?.endsWith("'ERROR'") === true;
}

/** Removes what was replaced, when nothing needs it any more. */
export async function clean(work: Work, records: Records): Promise<void> {
  for (const record of Object.values(records).reverse()) {
    await clean(work, record.resources ?? {});
    for (const id of record.replaced ?? []) await resourceTypes[record.type]?.remove(work.cloud, id);
    delete record.replaced;
  }
}

/** Removes every resource, in the opposite order. */
export async function clear(work: Work, records: Records, depth = 0): Promise<void> {
  for (const record of Object.values(records).reverse()) {
    if (record.physicalId === '' || record.status === 'DELETE_COMPLETE') continue;
    await step(work, record, 'DELETE', depth, async () => {
      if (record.resources !== undefined) await clear(work, record.resources, depth + 1);
      for (const id of [...(record.replaced ?? []), record.physicalId]) {
        await resourceTypes[record.type]?.remove(work.cloud, id);
      }
    });
  }
}

/** Asks every resource how it is. @throws ResourceError with everything that is wrong */
export async function check(work: Work, records: Records, depth = 0): Promise<void> {
  const failures: string[] = [];
  for (const record of Object.values(records)) {
    if (record.physicalId === '') continue;
    try {
      await step(work, record, 'CHECK', depth, async () => {
        if (record.resources !== undefined) await check(work, record.resources, depth + 1);
        const ailment = resourceTypes[record.type]?.ailment?.(work.cloud, record.physicalId);
        if (ailment !== undefined) throw new ResourceError(ailment);
      });
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  if (failures.length > 0) throw new ResourceError(failures.join(', '));
}

async function step(
  work: Work,
  record: ResourceRecord,
  action: 'CREATE' | 'UPDATE' | 'CHECK' | 'DELETE',
  depth: number,
  act: () => Promise<void> | void,
): Promise<void> {
  work.note(record, `${action}_IN_PROGRESS`, 'state changed', depth);
  try {
    const { fail_resource, fail_delete } = work.cloud.faults.state;
    const failing = { CREATE: fail_resource, UPDATE: fail_resource, CHECK: null, DELETE: fail_delete }[action];
    if (failing === record.name) throw new ResourceError('Went to status error due to "Unknown"');
    await act();
  } catch (error) {
    if (error instanceof Superseded) throw error;
    const { type, path } = failure(error, record.name);
    work.note(record, `${action}_FAILED`, `${type}: ${path}`, depth);
    throw new ResourceError(path, { type, cause: error });
  }
  work.note(record, `${action}_COMPLETE`, 'state changed', depth);
}

/** What the functions of a template give. A nested stack's attributes are its outputs. */
export function scopeOf(cloud: Cloud, tree: Tree, parameters: Properties, records: Records): Scope {
  return {
    parameter: (name) => parameters[name],
    reference: (name) => records[name]?.physicalId || undefined,
    attribute: (name, attribute) => {
      const [record, nested] = [records[name], tree.nested[name]];
      if (record === undefined || record.physicalId === '') return undefined;
      if (nested === undefined) return resourceTypes[record.type]?.attribute(cloud, record.physicalId, attribute);
      const outer = scopeOf(cloud, tree, parameters, records);
      const properties = resolve(tree.template.resources[name]?.properties, outer) as Properties;
      const inner = scopeOf(cloud, nested, nestedParameters(nested, properties), record.resources ?? {});
      return resolve(nested.template.outputs[attribute]?.value, inner);
    },
  };
}

/** Heat's way to say it: the kind of error, then the path of resources and the reason. */
function failure(error: unknown, name: string): { readonly type: string; readonly path: string } {
  const isTold = error instanceof ResourceError || error instanceof TemplateError;
  const type = isTold ? error.type : (error as Error).name;
  const message = (error as Error).message;
  const isInner = message.startsWith('resources.');
  return { type, path: isInner ? `resources.${name}.${message}` : `resources.${name}: ${message}` };
}
