// Waits for what Heat does to a stack. A Heat that fails for a while is asked again; one that stays silent, and a stack
// of which nothing is heard for too long, are given up here, by the executor's own clock: an engine that died says so to
// nobody.
import { type Clock, pause } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { failureClass, OpenStackError } from '../openstack/errors.ts';
import type { Heat, Stack, StackRef } from '../openstack/heat.ts';
import { CommandError } from './command-error.ts';
import type { StackNews } from './pushed-events.ts';

const FIRST_POLL_MS = 100;
const MAX_POLL_MS = 2_000;
const POLL_GROWTH = 1.3;
/** Without an event for this long, the stack itself is looked at. */
const LOOK_AFTER_MS = 5_000;
/** A delete is asked for again when the stack is still there and nothing was heard of it for this long. */
const DELETE_AGAIN_MS = 30_000;
const MAX_DELETE_FAILURES = 3;
/** A delete that has not ended by then is given up; the command may be repeated. */
const DELETE_LIMIT_MS = 20 * 60_000;

export interface ProgressWorld {
  readonly heat: Heat;
  readonly clock: Clock;
  readonly log: Logger;
  readonly news: StackNews;
  /** How long nothing may be heard of a stack. */
  readonly stuckAfterMs: number;
  /** How long Heat may fail to answer. */
  readonly heatSilenceMs: number;
}

interface Rests {
  pause(limitMs: number): Promise<void>;
  end(): void;
}

export class StackProgress {
  readonly #world: ProgressWorld;

  constructor(world: ProgressWorld) {
    this.#world = world;
  }

  /**
   * Follows a stack's events until it is at rest, and answers how it is then; undefined when it is gone. One that is
   * still IN_PROGRESS in the answer has had no event for too long. `after` names the last event before what is waited
   * for was asked: how the stack stood then is no answer.
   */
  async follow(ref: StackRef, signal: AbortSignal, after?: string): Promise<Stack | undefined> {
    const rest = this.#rests(ref, signal);
    try {
      return await this.#follow(ref, { signal, after, rest });
    } finally {
      rest.end();
    }
  }

  async #follow(
    ref: StackRef,
    { signal, after, rest }: { readonly signal: AbortSignal; readonly after: string | undefined; readonly rest: Rests },
  ): Promise<Stack | undefined> {
    const { heat, clock, stuckAfterMs } = this.#world;
    const silence = this.#silence();
    let marker = after;
    let newsMs = clock.monotonicMs();
    let lookedMs = newsMs;
    let isDue = after === undefined;
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * POLL_GROWTH, MAX_POLL_MS)) {
      signal.throwIfAborted();
      try {
        const events = await heat.events(ref, marker);
        if (events.length > 0) newsMs = clock.monotonicMs();
        marker = events.at(-1)?.id ?? marker;
        isDue ||= events.some((event) => event.resourceName === ref.name && !event.status.endsWith('_IN_PROGRESS'));
        const now = clock.monotonicMs();
        const isLate = now - newsMs > stuckAfterMs;
        if (isDue || isLate || now - lookedMs > LOOK_AFTER_MS) {
          const stack = await heat.show(ref);
          if (stack === undefined || !stack.status.endsWith('_IN_PROGRESS') || isLate) return stack;
          lookedMs = now;
          isDue = false;
        }
        silence.heard();
      } catch (error) {
        silence.passOver(error);
        // Nothing can be heard from a Heat that does not answer: that is no sign of a stuck stack.
        newsMs = clock.monotonicMs();
      }
      await rest.pause(pollMs);
    }
  }

  /** Deletes a stack, whatever it is doing, and waits until it is gone. */
  async clear(ref: StackRef, signal: AbortSignal): Promise<void> {
    const rest = this.#rests(ref, signal);
    try {
      await this.#clear(ref, signal, rest);
    } finally {
      rest.end();
    }
  }

  async #clear(ref: StackRef, signal: AbortSignal, rest: Rests): Promise<void> {
    const { heat, clock, stuckAfterMs } = this.#world;
    const silence = this.#silence();
    const end = clock.monotonicMs() + DELETE_LIMIT_MS;
    let failures = 0;
    let askedMs = Number.NEGATIVE_INFINITY;
    let againMs = Math.min(DELETE_AGAIN_MS, stuckAfterMs);
    let last: string | undefined;
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * POLL_GROWTH, MAX_POLL_MS)) {
      signal.throwIfAborted();
      try {
        const stack = await heat.show(ref);
        if (stack === undefined || stack.status === 'DELETE_COMPLETE') return;
        const hasFailed = stack.status === 'DELETE_FAILED' && Number.isFinite(askedMs);
        failures += hasFailed ? 1 : 0;
        if (failures >= MAX_DELETE_FAILURES || clock.monotonicMs() > end) {
          const why = hasFailed ? stack.reason : `it is ${stack.status} and nothing happens`;
          throw new CommandError(status.INTERNAL, `Stack ${ref.name} cannot be deleted: ${why}`);
        }
        // A delete whose engine died stays IN_PROGRESS for ever, and a second one gets it done. One that goes on, slowly,
        // is cancelled and begins anew with every other: each is given twice as long as the one before.
        if (hasFailed || clock.monotonicMs() - askedMs > againMs) {
          if (Number.isFinite(askedMs)) againMs *= 2;
          const goesOn = !hasFailed && Number.isFinite(askedMs) && (await heat.lastEvent(ref)) !== last;
          if (!goesOn) await heat.remove(ref);
          last = await heat.lastEvent(ref);
          askedMs = clock.monotonicMs();
        }
        silence.heard();
      } catch (error) {
        silence.passOver(error);
      }
      await rest.pause(pollMs);
    }
  }

  /** Pauses between two looks at a stack: each as long as it is told, or until Heat tells of the stack. */
  #rests(ref: StackRef, signal: AbortSignal): Rests {
    const { clock, news } = this.#world;
    let woken = new AbortController();
    const end = news.listen(ref.id, () => woken.abort());
    return {
      pause: async (limitMs) => {
        // What comes all at once is looked at once.
        await pause(clock, Math.min(FIRST_POLL_MS, limitMs), signal);
        await pause(clock, Math.max(0, limitMs - FIRST_POLL_MS), AbortSignal.any([signal, woken.signal]));
        woken = new AbortController();
      },
      end,
    };
  }

  /** Lets pass what may be better at the next look, for as long as Heat may be silent; throws the rest. */
  #silence(): { heard(): void; passOver(error: unknown): void } {
    const { clock, log, heatSilenceMs } = this.#world;
    let heardMs = clock.monotonicMs();
    let isSilent = false;
    const heard = (): void => {
      isSilent = false;
      heardMs = clock.monotonicMs();
    };
    const passOver = (error: unknown): void => {
      if (!(error instanceof OpenStackError) || failureClass(error.code) !== 'retry') throw error;
      if (clock.monotonicMs() - heardMs > heatSilenceMs) throw error;
      if (!isSilent) log.warn({ err: error }, 'Heat does not answer');
      isSilent = true;
    };
    return { heard, passOver };
  }
}
