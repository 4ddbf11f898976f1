// Makes, changes and removes members, one piece of work a member at a time: Heat would take a second update of a stack
// before the first has ended. Each way looks at what Heat has and goes on from there, so a command may be repeated,
// joined by a second caller, or taken up by another executor.

import { isDeepStrictEqual } from 'node:util';
import { type MemberSpec, type Peer, pause } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import { codeOfFailedStack, OpenStackError } from '../openstack/errors.ts';
import type { NewStack, Stack, StackRef } from '../openstack/heat.ts';
import { CommandError } from './command-error.ts';
import { type Enroller, enrol } from './enrolment.ts';
import { type Location, type MemberRegion, readMemberStack } from './member-stack.ts';
import type { ServerGroups } from './server-groups.ts';
import { type StackChange, volumeGib } from './stack-change.ts';
import { type ProgressWorld, StackProgress } from './stack-progress.ts';
import { STACK_TIMEOUT_MINUTES, stackName, stackTag } from './stack-request.ts';
import { keepStray } from './strays.ts';

const MAX_CREATE_ATTEMPTS = 2;
/** How long the name of a deleted stack may stay taken. */
const NAME_FREE_LIMIT_MS = 10_000;
const NAME_FREE_POLL_MS = 200;
/** An update of which nothing is heard is asked for once more: Heat then takes up what a dead engine left. */
const MAX_UPDATE_ATTEMPTS = 2;
/** A member's id without it is its cluster's. */
const ORDINAL = /-\d+$/;
/** What Nova says of a port that a server has: one that Heat knows would have let go of it. */
const PORT_IN_USE = /port .*in use/i;

export interface MemberPlace {
  readonly peer: Peer;
  readonly stackId: string;
  readonly flavor: string;
  readonly volumeGib: number;
}

/** What `Members` needs of the region. */
export interface MembersWorld extends ProgressWorld, MemberRegion {
  readonly enroller: Enroller;
  /** The parameters that a stack must be given; undefined when it is as wished. @throws CommandError INVALID_ARGUMENT */
  change(stack: Stack, spec: MemberSpec): StackChange | undefined;
  /** `group`: the server group that keeps the cluster's members apart. */
  request(spec: MemberSpec, group: string | undefined): NewStack;
  readonly groups: Pick<ServerGroups, 'ensure' | 'release'>;
  /** Keeps a place in the zone until released. @throws CommandError RESOURCE_EXHAUSTED */
  reserve(spec: MemberSpec): Promise<() => void>;
  /** Something has changed that the region's listing will show. */
  changed(): void;
}

type Work =
  | {
      readonly kind: 'ensure';
      readonly spec: MemberSpec;
      readonly done: Promise<MemberPlace>;
      readonly controller: AbortController;
    }
  | { readonly kind: 'remove'; readonly done: Promise<boolean> };

export class Members {
  readonly #world: MembersWorld;
  readonly #progress: StackProgress;
  readonly #work = new Map<string, Work>();
  readonly #ending = new AbortController();

  constructor(world: MembersWorld) {
    this.#world = world;
    this.#progress = new StackProgress(world);
  }

  /** True while the member is being made: its agent is awaited, not missed. */
  isAwaited(memberId: string): boolean {
    return this.#work.get(memberId)?.kind === 'ensure';
  }

  /** Answers when the member's stack is there and as wished, and its agent is enrolled. */
  ensure(spec: MemberSpec): Promise<MemberPlace> {
    const current = this.#work.get(spec.memberId);
    if (current?.kind === 'ensure' && isDeepStrictEqual(current.spec, spec)) return current.done;
    if (current?.kind === 'remove') {
      return Promise.reject(new CommandError(status.ABORTED, `Member ${spec.memberId} is being removed.`));
    }
    // The later wish counts. It waits until the earlier one is let go of, and then for what Heat still does.
    current?.controller.abort(new CommandError(status.ABORTED, `Member ${spec.memberId} is wished otherwise.`));
    const before = current === undefined ? Promise.resolve() : current.done.then(noop, noop);
    const controller = new AbortController();
    const done = before.then(() => this.#ensure(spec, controller.signal));
    this.#keep(spec.memberId, { kind: 'ensure', spec, done, controller });
    return done;
  }

  /** Answers when nothing of the member is left: whether there was something. */
  remove(memberId: string): Promise<boolean> {
    const current = this.#work.get(memberId);
    if (current?.kind === 'remove') return current.done;
    current?.controller.abort(new CommandError(status.ABORTED, `Member ${memberId} is removed.`));
    // The create under way is let go first: it could otherwise make the stack again.
    const before = current === undefined ? Promise.resolve() : current.done.then(noop, noop);
    const done = before.then(() => this.#remove(memberId));
    this.#keep(memberId, { kind: 'remove', done });
    return done;
  }

  /** Lets go of all work; Heat goes on with its own, and the next executor finds it. */
  close(): void {
    const reason = new CommandError(status.UNAVAILABLE, 'The executor ends.');
    this.#ending.abort(reason);
    for (const work of this.#work.values()) if (work.kind === 'ensure') work.controller.abort(reason);
  }

  #keep(memberId: string, work: Work): void {
    this.#work.set(memberId, work);
    const forget = (): void => {
      if (this.#work.get(memberId) === work) this.#work.delete(memberId);
      this.#world.changed();
    };
    work.done.then(forget, forget);
  }

  async #ensure(spec: MemberSpec, signal: AbortSignal): Promise<MemberPlace> {
    const made = await this.#ensureStack(spec, signal);
    const stack = await this.#change(made, spec, signal);
    const location = this.#locate(stack);
    this.#world.changed();
    await enrol(this.#world.enroller, location, signal);
    this.#world.log.info(
      { member_id: spec.memberId, cluster_id: spec.clusterId, stack: stack.id },
      'member is enrolled',
    );
    return { peer: location.peer, stackId: stack.id, flavor: spec.flavor, volumeGib: volumeGib(stack) };
  }

  #locate(stack: Stack): Location {
    const location = readMemberStack(stack, this.#world)?.location;
    if (location !== undefined) return location;
    throw new CommandError(status.INTERNAL, `Stack ${stack.name} is ${stack.status} and has no address.`);
  }

  /** A stack that has all its resources, of whatever size. */
  async #ensureStack(spec: MemberSpec, signal: AbortSignal): Promise<Stack> {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      const found = await this.#find(spec.memberId);
      const ref = found ?? (await this.#create(spec, signal));
      const stack = await this.#progress.follow(ref, signal);
      if (stack !== undefined && !isDebris(stack.status)) return stack;

      // Failed, stuck, or going away: it is cleared. What failed is told, so that the sender decides where to try next.
      if (stack !== undefined) {
        // Before its port, which would tell of it, is deleted.
        if (stack.status.startsWith('CREATE_')) await keepStray(this.#world, ref, spec.memberId);
        await this.#clear(ref);
      }
      if (stack?.status === 'CREATE_FAILED' || attempt >= MAX_CREATE_ATTEMPTS) {
        const reason = stack?.reason ?? 'it disappeared while it was made';
        throw new CommandError(codeOfFailedStack(reason), `Stack ${ref.name} failed: ${reason}`);
      }
      this.#world.log.warn({ stack: ref.name, status: stack?.status }, 'stack is made anew');
    }
  }

  /** Brings a stack to what is wished. A failed update leaves the member in place, and what it was asked in its name. */
  async #change(made: Stack, spec: MemberSpec, signal: AbortSignal): Promise<Stack> {
    const { heat, log, stuckAfterMs } = this.#world;
    let stack = made;
    for (let attempt = 1; ; attempt += 1) {
      const parameters = this.#world.change(stack, spec);
      if (parameters === undefined) return stack;
      if (attempt > MAX_UPDATE_ATTEMPTS) {
        const why = `it is ${stack.status} and nothing was heard of it for ${stuckAfterMs} ms`;
        throw new CommandError(status.DEADLINE_EXCEEDED, `Stack ${stack.name} cannot be updated: ${why}.`);
      }
      signal.throwIfAborted();
      const last = await heat.lastEvent(stack);
      await heat.update(stack, parameters, STACK_TIMEOUT_MINUTES);
      log.info({ member_id: spec.memberId, stack: stack.id, ...parameters }, 'stack is updated');
      this.#world.changed();
      const after = await this.#progress.follow(stack, signal, last);
      if (after === undefined) {
        throw new CommandError(status.ABORTED, `Stack ${stack.name} disappeared while it was updated.`);
      }
      if (after.status.endsWith('_FAILED')) {
        throw await this.#failed(after, spec);
      }
      // The server was stopped, or its volume taken for a while: the connection may be dead and not know it yet.
      this.#world.enroller.links.reset(spec.memberId);
      stack = after;
    }
  }

  async #failed(stack: Stack, { memberId }: MemberSpec): Promise<CommandError> {
    const told = `Stack ${stack.name} failed: ${stack.reason}`;
    const stray = PORT_IN_USE.test(stack.reason) ? await keepStray(this.#world, stack, memberId) : undefined;
    const why =
      stray === undefined ? '' : ` Server ${stray} has its port and is in no stack: Heat has lost it. Delete it.`;
    return new CommandError(codeOfFailedStack(stack.reason), `${told}${why}`);
  }

  /** The member's stack. @throws CommandError when another federation has given one this name */
  async #find(memberId: string): Promise<Stack | undefined> {
    const { federation, heat } = this.#world;
    const found = await heat.find(stackName(federation, memberId));
    if (found === undefined || found.tags.includes(stackTag(federation))) return found;
    throw new CommandError(status.FAILED_PRECONDITION, `Stack ${found.name} is not of the federation ${federation}.`);
  }

  async #create(spec: MemberSpec, signal: AbortSignal): Promise<StackRef> {
    const release = await this.#world.reserve(spec);
    try {
      const group = spec.apart ? await this.#world.groups.ensure(spec.clusterId, signal) : undefined;
      const request = this.#world.request(spec, group);
      const end = this.#world.clock.monotonicMs() + NAME_FREE_LIMIT_MS;
      for (;;) {
        try {
          const ref = await this.#world.heat.create(request);
          const { memberId, clusterId } = spec;
          this.#world.log.info({ member_id: memberId, cluster_id: clusterId, stack: ref.id }, 'stack is created');
          this.#world.changed();
          return ref;
        } catch (error) {
          // Another executor, or a request of ours whose answer was lost, was first.
          if (!(error instanceof OpenStackError) || error.type !== 'StackExists') throw error;
          const found = await this.#find(spec.memberId);
          if (found !== undefined) return found;
          // Or the stack that had the name is deleted, and Heat has not given the name back yet.
          if (this.#world.clock.monotonicMs() > end) throw error;
          this.#ending.signal.throwIfAborted();
          await pause(this.#world.clock, NAME_FREE_POLL_MS, this.#ending.signal);
        }
      }
    } finally {
      release();
    }
  }

  async #remove(memberId: string): Promise<boolean> {
    const found = await this.#find(memberId);
    if (found !== undefined) await this.#clear(found);
    await this.#world.groups.release(memberId.replace(ORDINAL, ''), this.#ending.signal);
    if (found === undefined) return false;
    this.#world.enroller.links.reset(memberId);
    this.#world.log.info({ member_id: memberId, stack: found.id }, 'stack is removed');
    return true;
  }

  #clear(ref: StackRef): Promise<void> {
    return this.#progress.clear(ref, this.#ending.signal);
  }
}

/** A stack that was never whole, or is going away. Any other may hold a member's data and is never cleared here. */
function isDebris(stackStatus: string): boolean {
  if (stackStatus.startsWith('DELETE_')) return true;
  return stackStatus === 'CREATE_FAILED' || stackStatus === 'CREATE_IN_PROGRESS';
}

function noop(): void {}
