// What microcloud keeps of a stack, and how a new one is laid out before anything of it exists.
import type { Properties } from './resource-type.ts';
import type { StackSource, Tree } from './stack-tree.ts';

/** Of a nested stack's name, which ends with something of its own. */
const SHORT_ID = 12;

export interface ResourceRecord {
  readonly name: string;
  readonly type: string;
  status: string;
  reason: string;
  physicalId: string;
  updatedAt: string;
  /** With which it was made, or last changed. */
  properties?: Properties;
  /** What it was before it was made anew, until that is removed. */
  replaced?: string[];
  /** Of a resource that is a template. */
  resources?: Record<string, ResourceRecord>;
}

export interface StackEventRecord {
  readonly id: string;
  readonly time: string;
  readonly resourceName: string;
  readonly physicalId: string;
  readonly status: string;
  readonly reason: string;
}

/** What an update may change. */
export interface StackContent extends StackSource {
  readonly parameters: Properties;
}

export interface NewStackRequest extends StackContent {
  readonly name: string;
  readonly projectId: string;
  readonly owner: string;
  readonly tags: readonly string[];
  readonly timeoutMinutes: number;
}

export interface StackRecord extends NewStackRequest {
  readonly id: string;
  readonly createdAt: string;
  template: unknown;
  environment: unknown;
  files: Readonly<Record<string, string>>;
  parameters: Properties;
  updatedAt: string | null;
  action: 'CREATE' | 'UPDATE' | 'CHECK' | 'DELETE';
  status: 'IN_PROGRESS' | 'COMPLETE' | 'FAILED';
  reason: string;
  deletedAt: string | null;
  /** In the order in which they are made. */
  resources: Record<string, ResourceRecord>;
  readonly events: StackEventRecord[];
}

/** The records of a tree: those that are known, and new ones for what is not there yet. */
export function planned(
  tree: Tree,
  known: Readonly<Record<string, ResourceRecord>> = {},
): Record<string, ResourceRecord> {
  const records = tree.order.map((name): [string, ResourceRecord] => {
    const [type, nested] = [tree.template.resources[name]?.type ?? '', tree.nested[name]];
    const before = known[name]?.type === type ? known[name] : undefined;
    const record: ResourceRecord = before ?? {
      ...{ name, type, status: 'INIT_COMPLETE', reason: '', physicalId: '' },
      updatedAt: new Date().toISOString(),
    };
    if (nested !== undefined) record.resources = planned(nested, before?.resources);
    return [name, record];
  });
  return Object.fromEntries(records);
}

/** A resource, and the stack that it stands in: the stack itself, or one of the templates inside it. */
export interface Placed {
  readonly resource: ResourceRecord;
  /** As a stack of its own, which a nested template is. */
  readonly in: Pick<StackRecord, 'id' | 'name' | 'projectId' | 'createdAt'>;
  /** Of the resource in the outer template that it is inside of. */
  readonly parent: string | undefined;
}

/** The resources of a stack, and of the templates inside it down to this depth. */
export function placedResources(
  stack: Placed['in'],
  records: Readonly<Record<string, ResourceRecord>>,
  depth: number,
  parent?: string,
): Placed[] {
  return Object.values(records).flatMap((resource) => {
    const own: Placed = { resource, in: stack, parent };
    const { resources, physicalId, name } = resource;
    if (resources === undefined || physicalId === '' || depth === 0) return [own];
    const inner = { ...stack, id: physicalId, name: `${stack.name}-${name}-${physicalId.slice(0, SHORT_ID)}` };
    return [own, ...placedResources(inner, resources, depth - 1, name)];
  });
}
