// The stacks of microcloud's Heat. Every step of the work on one is on disk before the next. Killed in the middle it
// leaves the stack IN_PROGRESS, as real Heat does: nobody goes on with it, and an update or a delete works. As in real
// Heat a later request overtakes an earlier one: it is accepted at once and begins when the earlier has noticed.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Cloud, ResourceError } from './cloud.ts';
import { Collection } from './collection.ts';
import { bindParameters, resolve, TemplateError } from './hot.ts';
import type { Properties } from './resource-type.ts';
import { resourceTypes } from './resource-types.ts';
import {
  type NewStackRequest,
  type Placed,
  placedResources,
  planned,
  type ResourceRecord,
  type StackContent,
  type StackEventRecord,
  type StackRecord,
} from './stack-records.ts';
import { checkTree, readTree, type Tree } from './stack-tree.ts';
import { check, clean, clear, converge, Superseded, scopeOf, type Work } from './stack-work.ts';

/** Heat's own default; older ones are forgotten. */
const MAX_EVENTS = 1_000;
/** A deleted stack is listed and keeps its name for a moment longer. The real one takes about a second. */
const NAME_KEPT_MS = 300;
/** Deleted stacks still answer by id; the oldest are forgotten. */
const MAX_DELETED = 200;

/** Of templates inside templates. */
export const MAX_NESTED = 5;

type Action = StackRecord['action'];

type EventListener = (stack: StackRecord, event: StackEventRecord) => void;

interface Job {
  readonly done: Promise<void>;
  readonly action: Action;
}

export class Stacks {
  readonly #cloud: Cloud;
  readonly #log: Logger;
  readonly #tell: EventListener;
  readonly #stacks: Collection<StackRecord>;
  /** The newest piece of work of each stack. */
  readonly #jobs = new Map<string, Job>();

  /** `tell` hears of every event once it is kept. */
  constructor(cloud: Cloud, log: Logger, tell: EventListener = () => {}) {
    this.#cloud = cloud;
    this.#log = log;
    this.#tell = tell;
    this.#stacks = new Collection(join(cloud.config.directory, 'stacks'));
  }

  get(projectId: string, id: string): StackRecord | undefined {
    const stack = this.#stacks.get(id);
    return stack?.projectId === projectId ? stack : undefined;
  }

  /** The stacks of a project that are not gone, newest first as Heat lists them. */
  list(projectId: string): StackRecord[] {
    return this.#stacks
      .all()
      .filter((stack) => stack.projectId === projectId && !isGone(stack))
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
    const most = this.#cloud.config.maxStacks;
    if (this.list(request.projectId).filter(({ deletedAt }) => deletedAt === null).length >= most) {
      const why = `You have reached the maximum stacks per tenant, ${most}. Please delete some stacks.`;
      throw new TemplateError(why, 'RequestLimitExceeded');
    }
    const { tree, parameters } = this.#read(request);
    const stack: StackRecord = {
      ...request,
      parameters,
      id: randomUUID(),
      createdAt: now(),
      updatedAt: null,
      action: 'CREATE',
      status: 'IN_PROGRESS',
      reason: '',
      deletedAt: null,
      resources: planned(tree),
      events: [],
    };
    this.#begin(stack, 'CREATE', (work) => converge(work, tree, parameters, stack.resources));
    return stack;
  }

  /** What would be made of this content: its resources. @throws TemplateError */
  preview(content: StackContent): ResourceRecord[] {
    return Object.values(planned(this.#read(content).tree));
  }

  /** A resource of a stack, or of a template inside one, which has an id as a stack has. */
  resource(projectId: string, stackId: string, name: string): Placed | undefined {
    const stacks = this.#stacks.all().filter((stack) => stack.projectId === projectId);
    const all = stacks.flatMap((stack) => placedResources(stack, stack.resources, MAX_NESTED));
    return all.find((placed) => placed.in.id === stackId && placed.resource.name === name);
  }

  /** What a resource tells, live. */
  attributes({ type, physicalId }: ResourceRecord): Record<string, unknown> {
    const { attributes = [], attribute } = resourceTypes[type] ?? {};
    return Object.fromEntries(attributes.map((name) => [name, attribute?.(this.#cloud, physicalId, name)]));
  }

  /** Begins to bring a stack to this content, whatever it is doing. @throws TemplateError */
  update(stack: StackRecord, content: StackContent): void {
    if (stack.action === 'DELETE') {
      throw new TemplateError('Updating a stack when it is deleting is not supported.', 'NotSupported');
    }
    const { tree, parameters } = this.#read(content);
    const [before, { template, environment, files }] = [stack.resources, content];
    const resources = planned(tree, before);
    Object.assign(stack, { template, environment, files, parameters, resources, updatedAt: now() });
    const dropped = Object.fromEntries(
      Object.entries(before).filter(([name, { type }]) => resources[name]?.type !== type),
    );
    this.#begin(stack, 'UPDATE', async (work) => {
      await converge(work, tree, parameters, resources);
      await clear(work, dropped);
      await clean(work, resources);
    });
  }

  /** Begins to look at what the stack has made. */
  check(stack: StackRecord): void {
    if (stack.action !== 'DELETE') this.#begin(stack, 'CHECK', (work) => check(work, stack.resources));
  }

  /** Begins to delete a stack, whatever it is doing. A delete under way goes on. */
  remove(stack: StackRecord): void {
    if (stack.deletedAt !== null || this.#jobs.get(stack.id)?.action === 'DELETE') return;
    this.#begin(stack, 'DELETE', (work) => clear(work, stack.resources));
  }

  outputs(stack: StackRecord): { key: string; description: string; value: unknown }[] {
    const tree = readTree(stack, resourceTypes);
    const scope = scopeOf(this.#cloud, tree, stack.parameters, stack.resources);
    return Object.entries(tree.template.outputs).map(([key, { description, value }]) => ({
      key,
      description: description ?? 'No description given',
      value: resolve(value, scope) ?? null,
    }));
  }

  /** Waits for what is under way; what comes after is not begun. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#jobs.values()].map(({ done }) => done));
  }

  /** Reads and checks templates and parameters. @throws TemplateError */
  #read(source: StackContent): { tree: Tree; parameters: Properties } {
    const tree = readTree(source, resourceTypes);
    const unknown = (name: string): TemplateError =>
      new TemplateError(`The Parameter (${name}) was not defined in template.`, 'UnknownUserParameter');
    const parameters = bindParameters(tree.template, source.parameters, unknown);
    const problem = (type: string, properties: Properties) => resourceTypes[type]?.check?.(this.#cloud, properties);
    checkTree(tree, parameters, problem, resourceTypes);
    return { tree, parameters };
  }

  /** One piece of work a stack at a time: a later one waits for the earlier to notice that it is overtaken. */
  #begin(stack: StackRecord, action: Action, act: (work: Work) => Promise<void>): void {
    this.#become(stack, action, 'IN_PROGRESS', `Stack ${action} started`);
    const before = this.#jobs.get(stack.id)?.done ?? Promise.resolve();
    const isCurrent = (): boolean => this.#jobs.get(stack.id) === job;
    const work: Work = {
      cloud: this.#cloud,
      isCurrent,
      note: (record, status, reason, depth) => this.#note(stack, record, { status, reason, depth }),
    };
    const perform = async (): Promise<void> => {
      if (!isCurrent()) return;
      try {
        await act(work);
      } catch (error) {
        if (error instanceof Superseded) return;
        const reason = error instanceof ResourceError ? `${error.type}: ${error.message}` : String(error);
        this.#log.info({ stack: stack.name, action, reason }, 'stack work failed');
        if (isCurrent()) this.#become(stack, action, 'FAILED', `Resource ${action} failed: ${reason}`);
        return;
      }
      if (!isCurrent()) return;
      if (action === 'DELETE') stack.deletedAt = now();
      this.#become(stack, action, 'COMPLETE', `Stack ${action} completed successfully`);
      if (action === 'DELETE') this.#forgetDeleted();
    };
    const done = before.then(perform).catch((error: unknown) => {
      this.#log.error({ err: error, stack: stack.name }, 'stack work is lost');
    });
    const job: Job = { action, done };
    this.#jobs.set(stack.id, job);
    void done.then(() => {
      if (isCurrent()) this.#jobs.delete(stack.id);
    });
  }

  #become(stack: StackRecord, action: Action, status: StackRecord['status'], reason: string): void {
    Object.assign(stack, { action, status, reason });
    const { id, name } = stack;
    this.#event(stack, { resourceName: name, physicalId: id, status: `${action}_${status}`, reason });
  }

  #note(
    stack: StackRecord,
    record: ResourceRecord,
    what: { readonly status: string; readonly reason: string; readonly depth: number },
  ): void {
    const { status, reason } = what;
    Object.assign(record, { status, reason, updatedAt: now() });
    // What happens inside a nested stack is that stack's own story; Heat does not list it with the outer one's.
    const { name: resourceName, physicalId } = record;
    if (what.depth === 0) this.#event(stack, { resourceName, physicalId, status, reason });
    else this.#stacks.put(stack);
  }

  #event(stack: StackRecord, event: Omit<StackEventRecord, 'id' | 'time'>): void {
    const kept = { id: randomUUID(), time: now(), ...event };
    stack.events.push(kept);
    if (stack.events.length > MAX_EVENTS) stack.events.shift();
    this.#stacks.put(stack);
    this.#tell(stack, kept);
  }

  #forgetDeleted(): void {
    const deleted = this.#stacks.all().filter((stack) => stack.deletedAt !== null);
    deleted.sort((left, right) => String(left.deletedAt).localeCompare(String(right.deletedAt)));
    for (const stack of deleted.slice(0, Math.max(0, deleted.length - MAX_DELETED))) this.#stacks.remove(stack.id);
  }
}

function isGone({ deletedAt }: StackRecord): boolean {
  return deletedAt !== null && Date.now() - Date.parse(deletedAt) > NAME_KEPT_MS;
}

function now(): string {
  return new Date().toISOString();
}
