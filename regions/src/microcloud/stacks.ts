// The engine of microcloud's Heat: makes a stack's resources in order, keeps an event of each step, and removes them in
// the opposite order. Every step is on disk before the next. Killed in the middle it leaves the stack IN_PROGRESS, as
// real Heat does: nobody goes on with it, and a delete works.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Cloud, ResourceError } from './cloud.ts';
import { Collection } from './collection.ts';
import { bindParameters, resolve, type Scope, TemplateError } from './hot.ts';
import { type Properties, resourceTypes } from './resource-types.ts';
import { checkTree, nestedParameters, readTree, type StackSource, type Tree } from './stack-tree.ts';

/** Heat's own default; older ones are forgotten. */
const MAX_EVENTS = 1_000;
/** Deleted stacks still answer by id; the oldest are forgotten. */
const MAX_DELETED = 200;

export interface ResourceRecord {
  readonly name: string;
  readonly type: string;
  status: string;
  reason: string;
  physicalId: string;
  updatedAt: string;
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

export interface StackRecord extends StackSource {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly owner: string;
  readonly tags: readonly string[];
  readonly parameters: Properties;
  readonly timeoutMinutes: number;
  readonly createdAt: string;
  action: 'CREATE' | 'DELETE';
  status: 'IN_PROGRESS' | 'COMPLETE' | 'FAILED';
  reason: string;
  deletedAt: string | null;
  readonly resources: Record<string, ResourceRecord>;
  readonly events: StackEventRecord[];
}

export interface NewStackRequest extends StackSource {
  readonly name: string;
  readonly projectId: string;
  readonly owner: string;
  readonly tags: readonly string[];
  readonly parameters: Properties;
  readonly timeoutMinutes: number;
}

/** Thrown inside a create that a delete has overtaken. */
class Superseded extends Error {}

export class Stacks {
  readonly #cloud: Cloud;
  readonly #log: Logger;
  readonly #stacks: Collection<StackRecord>;
  readonly #work = new Map<string, Promise<void>>();

  constructor(cloud: Cloud, log: Logger) {
    this.#cloud = cloud;
    this.#log = log;
    this.#stacks = new Collection(join(cloud.config.directory, 'stacks'));
  }

  get(projectId: string, id: string): StackRecord | undefined {
    const stack = this.#stacks.get(id);
    return stack?.projectId === projectId ? stack : undefined;
  }

  /** The living stacks of a project, newest first as Heat lists them. */
  list(projectId: string): StackRecord[] {
    return this.#stacks
      .all()
      .filter((stack) => stack.projectId === projectId && stack.deletedAt === null)
      .sort((left, right) => right.createdAt.localeCompare(left.createdAt));
  }

  find(projectId: string, name: string): StackRecord | undefined {
    return this.list(projectId).find((stack) => stack.name === name);
  }

  /** Begins to make a stack. @throws TemplateError */
  create(request: NewStackRequest): StackRecord {
    if (this.find(request.projectId, request.name) !== undefined) {
      throw new TemplateError(`The Stack (${request.name}) already exists.`, 'StackExists');
    }
    const { tree, parameters } = this.check(request);
    const stack: StackRecord = {
      ...request,
      parameters,
      id: randomUUID(),
      createdAt: now(),
      action: 'CREATE',
      status: 'IN_PROGRESS',
      reason: 'Stack CREATE started',
      deletedAt: null,
      resources: planned(tree),
      events: [],
    };
    this.#stackEvent(stack);
    this.#run(stack, () => this.#build(stack, tree));
    return stack;
  }

  /** Reads and checks templates and parameters. @throws TemplateError */
  check(source: StackSource & { readonly parameters: Properties }): { tree: Tree; parameters: Properties } {
    const tree = readTree(source, resourceTypes);
    const unknown = (name: string): TemplateError =>
      new TemplateError(`The Parameter (${name}) was not defined in template.`, 'UnknownUserParameter');
    const parameters = bindParameters(tree.template, source.parameters, unknown);
    const check = (type: string, properties: Properties) => resourceTypes[type]?.check?.(this.#cloud, properties);
    checkTree(tree, parameters, check, resourceTypes);
    return { tree, parameters };
  }

  /** Begins to delete a stack, whatever it is doing. A delete under way goes on. */
  remove(stack: StackRecord): void {
    if (stack.deletedAt !== null) return;
    const isUnderWay = stack.action === 'DELETE' && stack.status === 'IN_PROGRESS' && this.#work.has(stack.id);
    if (isUnderWay) return;
    this.#become(stack, 'DELETE', 'IN_PROGRESS', 'Stack DELETE started');
    this.#run(stack, () => this.#clear(stack));
  }

  outputs(stack: StackRecord): { key: string; description: string; value: unknown }[] {
    const tree = readTree(stack, resourceTypes);
    const scope = this.#scope(tree, stack.parameters, stack.resources);
    return Object.entries(tree.template.outputs).map(([key, { description, value }]) => ({
      key,
      description: description ?? 'No description given',
      value: resolve(value, scope) ?? null,
    }));
  }

  /** Waits for what is under way; what comes after is not begun. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#work.values());
  }

  /** One piece of work a stack at a time: a later one waits for the earlier to notice that it is overtaken. */
  #run(stack: StackRecord, work: () => Promise<void>): void {
    const before = this.#work.get(stack.id) ?? Promise.resolve();
    const mine = before.then(work).catch((error: unknown) => {
      this.#log.error({ err: error, stack: stack.name }, 'stack work failed');
    });
    this.#work.set(stack.id, mine);
    void mine.then(() => {
      if (this.#work.get(stack.id) === mine) this.#work.delete(stack.id);
    });
  }

  async #build(stack: StackRecord, tree: Tree): Promise<void> {
    try {
      await this.#buildTree(stack, tree, stack.parameters, stack.resources, 0);
      this.#become(stack, 'CREATE', 'COMPLETE', 'Stack CREATE completed successfully');
    } catch (error) {
      if (error instanceof Superseded) return;
      this.#become(stack, 'CREATE', 'FAILED', `Resource CREATE failed: ${(error as Error).message}`);
    }
  }

  async #buildTree(
    stack: StackRecord,
    tree: Tree,
    parameters: Properties,
    records: Record<string, ResourceRecord>,
    depth: number,
  ): Promise<void> {
    const scope = this.#scope(tree, parameters, records);
    for (const name of tree.order) {
      const [definition, record] = [tree.template.resources[name], records[name]];
      if (definition === undefined || record === undefined) continue;
      // Resources are begun one after another, each in a turn of its own: a delete may have come between.
      if (stack.action !== 'CREATE') throw new Superseded();
      const properties = resolve(definition.properties, scope) as Properties;
      const [nested, type] = [tree.nested[name], resourceTypes[definition.type]];
      record.physicalId = type?.physicalId?.(properties) ?? randomUUID();
      this.#resourceEvent(stack, record, 'CREATE_IN_PROGRESS', 'state changed', depth);
      try {
        if (nested !== undefined && record.resources !== undefined) {
          await this.#buildTree(stack, nested, nestedParameters(nested, properties), record.resources, depth + 1);
        } else {
          await type?.create(this.#cloud, record.physicalId, properties);
        }
      } catch (error) {
        if (error instanceof Superseded) throw error;
        const reason = failure(error, name);
        this.#resourceEvent(stack, record, 'CREATE_FAILED', reason, depth);
        throw new ResourceError(reason, { cause: error });
      }
      this.#resourceEvent(stack, record, 'CREATE_COMPLETE', 'state changed', depth);
    }
    if (stack.action !== 'CREATE') throw new Superseded();
  }

  async #clear(stack: StackRecord): Promise<void> {
    try {
      const tree = readTree(stack, resourceTypes);
      await this.#clearTree(stack, tree, stack.resources, 0);
    } catch (error) {
      this.#become(stack, 'DELETE', 'FAILED', `Resource DELETE failed: ${(error as Error).message}`);
      return;
    }
    stack.deletedAt = now();
    this.#become(stack, 'DELETE', 'COMPLETE', 'Stack DELETE completed successfully');
    this.#forgetDeleted();
  }

  async #clearTree(
    stack: StackRecord,
    tree: Tree,
    records: Record<string, ResourceRecord>,
    depth: number,
  ): Promise<void> {
    for (const name of [...tree.order].reverse()) {
      const record = records[name];
      if (record === undefined || record.physicalId === '' || record.status === 'DELETE_COMPLETE') continue;
      this.#resourceEvent(stack, record, 'DELETE_IN_PROGRESS', 'state changed', depth);
      const nested = tree.nested[name];
      try {
        if (nested !== undefined) await this.#clearTree(stack, nested, record.resources ?? {}, depth + 1);
        else await resourceTypes[record.type]?.remove(this.#cloud, record.physicalId);
      } catch (error) {
        this.#resourceEvent(stack, record, 'DELETE_FAILED', failure(error, name), depth);
        throw error;
      }
      this.#resourceEvent(stack, record, 'DELETE_COMPLETE', 'state changed', depth);
    }
  }

  #scope(tree: Tree, parameters: Properties, records: Readonly<Record<string, ResourceRecord>>): Scope {
    const reference = (name: string): unknown => records[name]?.physicalId || undefined;
    return {
      parameter: (name) => parameters[name],
      reference,
      attribute: (name, attribute) => {
        const [record, nested] = [records[name], tree.nested[name]];
        if (record === undefined || record.physicalId === '') return undefined;
        if (nested === undefined)
          return resourceTypes[record.type]?.attribute(this.#cloud, record.physicalId, attribute);
        // A nested stack's attributes are its outputs. Its own parameters follow from its resource's properties.
        const properties = resolve(tree.template.resources[name]?.properties, this.#scope(tree, parameters, records));
        const inner = this.#scope(nested, nestedParameters(nested, properties as Properties), record.resources ?? {});
        return resolve(nested.template.outputs[attribute]?.value, inner);
      },
    };
  }

  #become(stack: StackRecord, action: StackRecord['action'], status: StackRecord['status'], reason: string): void {
    stack.action = action;
    stack.status = status;
    stack.reason = reason;
    this.#stackEvent(stack);
  }

  #stackEvent(stack: StackRecord): void {
    const { action, status, reason, id } = stack;
    this.#event(stack, { resourceName: stack.name, physicalId: id, status: `${action}_${status}`, reason });
  }

  #resourceEvent(stack: StackRecord, record: ResourceRecord, status: string, reason: string, depth: number): void {
    record.status = status;
    record.reason = reason;
    record.updatedAt = now();
    // What happens inside a nested stack is that stack's own story; Heat does not list it with the outer one's.
    if (depth === 0) this.#event(stack, { resourceName: record.name, physicalId: record.physicalId, status, reason });
    else this.#stacks.put(stack);
  }

  #event(stack: StackRecord, event: Omit<StackEventRecord, 'id' | 'time'>): void {
    stack.events.push({ id: randomUUID(), time: now(), ...event });
    if (stack.events.length > MAX_EVENTS) stack.events.shift();
    this.#stacks.put(stack);
  }

  #forgetDeleted(): void {
    const deleted = this.#stacks.all().filter((stack) => stack.deletedAt !== null);
    deleted.sort((left, right) => String(left.deletedAt).localeCompare(String(right.deletedAt)));
    for (const stack of deleted.slice(0, Math.max(0, deleted.length - MAX_DELETED))) this.#stacks.remove(stack.id);
  }
}

function planned(tree: Tree): Record<string, ResourceRecord> {
  const records = tree.order.map((name): [string, ResourceRecord] => {
    const nested = tree.nested[name];
    const record = {
      name,
      type: tree.template.resources[name]?.type ?? '',
      status: 'INIT_COMPLETE',
      reason: '',
      physicalId: '',
      updatedAt: now(),
    };
    return [name, nested === undefined ? record : { ...record, resources: planned(nested) }];
  });
  return Object.fromEntries(records);
}

/** Heat's way to say it: the kind of error, the path of resources, the reason. */
function failure(error: unknown, name: string): string {
  const message = (error as Error).message;
  const inner = /^(ResourceInError): resources\.(.*)$/s.exec(message);
  return inner === null
    ? `ResourceInError: resources.${name}: ${message}`
    : `${inner[1]}: resources.${name}.resources.${inner[2]}`;
}

function now(): string {
  return new Date().toISOString();
}
