// Makes and removes members, one piece of work a member at a time. Both ways look at what Heat has and go on from
// there, so a command may be repeated, joined by a second caller, or taken up by another executor.

import { type Clock, type MemberSpec, type Peer, pause } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { codeOfFailedStack, failureClass, OpenStackError } from '../openstack/errors.ts';
import type { Heat, NewStack, Stack, StackRef } from '../openstack/heat.ts';
import { CommandError } from './command-error.ts';
import { type Enroller, enrol } from './enrolment.ts';
import { type Location, readMemberStack } from './member-stack.ts';
import { stackName } from './stack-request.ts';

const FIRST_POLL_MS = 100;
const MAX_POLL_MS = 2_000;
const POLL_GROWTH = 1.3;
/** Without an event for this long, the stack itself is looked at. */
const LOOK_AFTER_MS = 5_000;
/** A delete is asked for again when the stack is still there after this long. */
const DELETE_AGAIN_MS = 30_000;
const MAX_DELETE_FAILURES = 3;
const MAX_CREATE_ATTEMPTS = 2;

export interface MemberPlace {
  readonly peer: Peer;
  readonly stackId: string;
}

/** What `Members` needs of the region. */
export interface MembersWorld {
  readonly federation: string;
  readonly region: string;
  readonly heat: Heat;
  readonly enroller: Enroller;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stuckAfterMs: number;
  request(spec: MemberSpec): NewStack;
  /** Keeps a place in the zone until released. @throws CommandError RESOURCE_EXHAUSTED */
  reserve(spec: MemberSpec): Promise<() => void>;
  /** Something has changed that the region's listing will show. */
  changed(): void;
}

type Work =
  | { readonly kind: 'ensure'; readonly done: Promise<MemberPlace>; readonly controller: AbortController }
  | { readonly kind: 'remove'; readonly done: Promise<boolean> };

export class Members {
  readonly #world: MembersWorld;
  readonly #work = new Map<string, Work>();
  readonly #ending = new AbortController();

  constructor(world: MembersWorld) {
    this.#world = world;
  }

  /** True while the member is being made: its agent is awaited, not missed. */
  isAwaited(memberId: string): boolean {
    return this.#work.get(memberId)?.kind === 'ensure';
  }

  /** Answers when the member's stack is there and its agent is enrolled. */
  ensure(spec: MemberSpec): Promise<MemberPlace> {
    const current = this.#work.get(spec.memberId);
    if (current?.kind === 'ensure') return current.done;
    if (current?.kind === 'remove') {
      return Promise.reject(new CommandError(status.ABORTED, `Member ${spec.memberId} is being removed.`));
    }
    const controller = new AbortController();
    const done = this.#ensure(spec, controller.signal);
    this.#keep(spec.memberId, { kind: 'ensure', done, controller });
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
    const stack = await this.#ensureStack(spec, signal);
    const location = this.#locate(stack);
    this.#world.changed();
    await enrol(this.#world.enroller, location, signal);
    this.#world.log.info(
      { member_id: spec.memberId, cluster_id: spec.clusterId, stack: stack.id },
      'member is enrolled',
    );
    return { peer: location.peer, stackId: stack.id };
  }

  #locate(stack: Stack): Location {
    const location = readMemberStack(stack, this.#world)?.location;
    if (location !== undefined) return location;
    throw new CommandError(status.INTERNAL, `Stack ${stack.name} is ${stack.status} and has no address.`);
  }

  async #ensureStack(spec: MemberSpec, signal: AbortSignal): Promise<Stack> {
    const { heat } = this.#world;
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      const found = await heat.find(stackName(spec.memberId));
      const ref = found ?? (await this.#create(spec));
      const stack = await this.#follow(ref, signal);
      if (stack !== undefined && isUsable(stack.status)) return stack;

      // Failed, stuck, or going away: it is cleared. What failed is told, so that the sender decides where to try next.
      if (stack !== undefined) await this.#clear(ref);
      if (stack?.status === 'CREATE_FAILED' || attempt >= MAX_CREATE_ATTEMPTS) {
        const reason = stack?.reason ?? 'it disappeared while it was made';
        throw new CommandError(codeOfFailedStack(reason), `Stack ${ref.name} failed: ${reason}`);
      }
      this.#world.log.warn({ stack: ref.name, status: stack?.status }, 'stack is made anew');
    }
  }

  async #create(spec: MemberSpec): Promise<StackRef> {
    const release = await this.#world.reserve(spec);
    try {
      const request = this.#world.request(spec);
      const ref = await this.#world.heat.create(request);
      this.#world.log.info({ member_id: spec.memberId, cluster_id: spec.clusterId, stack: ref.id }, 'stack is created');
      this.#world.changed();
      return ref;
    } catch (error) {
      // Another executor, or a request of ours whose answer was lost, was first.
      if (!(error instanceof OpenStackError) || error.type !== 'StackExists') throw error;
      const found = await this.#world.heat.find(stackName(spec.memberId));
      if (found === undefined) throw error;
      return found;
    } finally {
      release();
    }
  }

  /**
   * Follows a stack's events until it is at rest, and answers how it is then; undefined when it is gone. One that is
   * still IN_PROGRESS in the answer has had no event for too long: its engine died.
   */
  async #follow(ref: StackRef, signal: AbortSignal): Promise<Stack | undefined> {
    const { heat, clock } = this.#world;
    let marker: string | undefined;
    let newsMs = clock.monotonicMs();
    let lookedMs = newsMs;
    let isDue = true;
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * POLL_GROWTH, MAX_POLL_MS)) {
      signal.throwIfAborted();
      try {
        const events = await heat.events(ref, marker);
        if (events.length > 0) newsMs = clock.monotonicMs();
        marker = events.at(-1)?.id ?? marker;
        isDue ||= events.some((event) => event.resourceName === ref.name && !event.status.endsWith('_IN_PROGRESS'));
        const now = clock.monotonicMs();
        if (isDue || now - lookedMs > LOOK_AFTER_MS) {
          const stack = await heat.show(ref);
          if (stack === undefined || !stack.status.endsWith('_IN_PROGRESS')) return stack;
          if (now - newsMs > this.#world.stuckAfterMs) return stack;
          lookedMs = now;
          isDue = false;
        }
      } catch (error) {
        this.#passOver(error);
        // Nothing can be heard from a Heat that does not answer: that is no sign of a stuck stack.
        newsMs = clock.monotonicMs();
      }
      await pause(clock, pollMs, signal);
    }
  }

  async #remove(memberId: string): Promise<boolean> {
    const found = await this.#world.heat.find(stackName(memberId));
    if (found === undefined) return false;
    await this.#clear(found);
    this.#world.enroller.links.reset(memberId);
    this.#world.log.info({ member_id: memberId, stack: found.id }, 'stack is removed');
    return true;
  }

  /** Deletes a stack, whatever it is doing, and waits until it is gone. */
  async #clear(ref: StackRef): Promise<void> {
    const { heat, clock } = this.#world;
    let failures = 0;
    let askedMs = Number.NEGATIVE_INFINITY;
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * POLL_GROWTH, MAX_POLL_MS)) {
      this.#ending.signal.throwIfAborted();
      try {
        const stack = await heat.show(ref);
        if (stack === undefined || stack.status === 'DELETE_COMPLETE') return;
        const hasFailed = stack.status === 'DELETE_FAILED' && Number.isFinite(askedMs);
        failures += hasFailed ? 1 : 0;
        if (failures >= MAX_DELETE_FAILURES) {
          throw new CommandError(status.INTERNAL, `Stack ${ref.name} cannot be deleted: ${stack.reason}`);
        }
        // A delete whose engine died stays IN_PROGRESS for ever; a second one does no harm and gets it done.
        if (hasFailed || clock.monotonicMs() - askedMs > DELETE_AGAIN_MS) {
          await heat.remove(ref);
          askedMs = clock.monotonicMs();
        }
      } catch (error) {
        this.#passOver(error);
      }
      await pause(clock, pollMs, this.#ending.signal);
    }
  }

  /** Lets pass what may be better at the next look; throws the rest. */
  #passOver(error: unknown): void {
    if (!(error instanceof OpenStackError) || failureClass(error.code) !== 'retry') throw error;
    this.#world.log.warn({ err: error }, 'Heat does not answer');
  }
}

/** A stack in any of these states has all its resources. A failed check or update leaves the member in place. */
function isUsable(stackStatus: string): boolean {
  return stackStatus.endsWith('_COMPLETE')
    ? !stackStatus.startsWith('DELETE_') && !stackStatus.startsWith('ROLLBACK_')
    : stackStatus === 'CHECK_FAILED' || stackStatus === 'UPDATE_FAILED';
}

function noop(): void {}
