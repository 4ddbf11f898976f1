// Commands run one at a time, and to their end even when the caller went away; a repeat of one that is under way joins
// it.
import type { CommandHeader } from '@argosy/proto';
import { status } from '@grpc/grpc-js';
import { CommandError } from './admission.ts';

/** Callers repeat what they have not heard of; a longer queue would only hold repeats of repeats. */
const MAX_WAITING = 16;

export class CommandQueue {
  readonly #underWay = new Map<string, Promise<unknown>>();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  /** @throws CommandError RESOURCE_EXHAUSTED when too many wait. */
  run<Answer>(key: string, command: () => Promise<Answer>): Promise<Answer> {
    const same = this.#underWay.get(key);
    if (same !== undefined) return same as Promise<Answer>;
    if (this.#waiting >= MAX_WAITING) {
      return Promise.reject(new CommandError(status.RESOURCE_EXHAUSTED, `${MAX_WAITING} commands wait already.`));
    }
    this.#waiting += 1;
    const answer = this.#last.then(command).finally(() => {
      this.#waiting -= 1;
      this.#underWay.delete(key);
    });
    this.#underWay.set(key, answer);
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}

/** A repeat has the same key; the sender's term and the request's id are not part of what is asked. */
export function commandKey(kind: string, header: CommandHeader | undefined): string {
  return JSON.stringify([kind, header?.epoch, header?.generation, header?.specRevision, header?.idempotencyKey]);
}
