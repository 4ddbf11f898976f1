// What keeps the members of a cluster from sharing a host: a server group, in a stack of its own, one for a cluster and
// region. It is made before the first member that needs it, and removed after the last.
import { codeOfFailedStack, OpenStackError } from '../openstack/errors.ts';
import type { Heat, NewStack, StackSummary } from '../openstack/heat.ts';
import { CommandError } from './command-error.ts';
import type { StackProgress } from './stack-progress.ts';
import { STACK_TIMEOUT_MINUTES, stackTag } from './stack-request.ts';

/** A group whose create failed is cleared and made once more. */
const MAX_ATTEMPTS = 2;

export interface ServerGroupsWorld {
  readonly federation: string;
  readonly heat: Heat;
  readonly progress: StackProgress;
  /** Parsed. */
  readonly template: unknown;
}

/** Stacks of groups have a tag of their own: they are no members. */
export function groupTag(federation: string): string {
  return `${stackTag(federation)}-apart`;
}

/** The cluster that a group is of; undefined when the stack is none. */
export function clusterOfGroup(federation: string, { name }: Pick<StackSummary, 'name'>): string | undefined {
  const prefix = `${groupTag(federation)}-`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}

export class ServerGroups {
  readonly #world: ServerGroupsWorld;

  constructor(world: ServerGroupsWorld) {
    this.#world = world;
  }

  /** The cluster's group, made if there is none. @throws CommandError; OpenStackError */
  async ensure(clusterId: string, signal: AbortSignal): Promise<string> {
    const { heat, progress } = this.#world;
    const name = this.#name(clusterId);
    for (let attempt = 1; ; attempt += 1) {
      const ref = (await heat.find(name)) ?? (await this.#create(clusterId));
      const stack = ref === undefined ? undefined : await progress.follow(ref, signal);
      if (stack?.status === 'CREATE_COMPLETE') return String(stack.outputs.group);
      const reason = stack?.reason ?? 'it disappeared while it was made';
      if (stack !== undefined) await progress.clear(stack, signal);
      if (attempt >= MAX_ATTEMPTS) throw new CommandError(codeOfFailedStack(reason), `Stack ${name} failed: ${reason}`);
    }
  }

  /** Removes the cluster's group when no member of the cluster is left in the region. */
  async release(clusterId: string, signal: AbortSignal): Promise<void> {
    const { federation, heat, progress } = this.#world;
    const group = await heat.find(this.#name(clusterId));
    if (group === undefined) return;
    const members = await heat.list(`${stackTag(federation)},${clusterId}`);
    if (members.length === 0) await progress.clear(group, signal);
  }

  async #create(clusterId: string) {
    try {
      return await this.#world.heat.create(this.#request(clusterId));
    } catch (error) {
      // Another executor was first: it is found at the next attempt.
      if (error instanceof OpenStackError && error.type === 'StackExists')
        return this.#world.heat.find(this.#name(clusterId));
      throw error;
    }
  }

  #request(clusterId: string): NewStack {
    return {
      name: this.#name(clusterId),
      tags: [groupTag(this.#world.federation), clusterId],
      template: this.#world.template,
      environment: {},
      files: {},
      parameters: { cluster_id: clusterId },
      timeoutMinutes: STACK_TIMEOUT_MINUTES,
    };
  }

  #name(clusterId: string): string {
    return `${groupTag(this.#world.federation)}-${clusterId}`;
  }
}
