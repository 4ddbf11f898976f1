// Waiting for a state, with a bound.
import { type Clock, pause } from '@argosy/proto';
import { StartError } from './errors.ts';

const POLL_MS = 100;

export interface Wait {
  readonly clock: Clock;
  readonly limitMs: number;
  /** Aborted when the whole start is given up. */
  readonly signal: AbortSignal;
  /** What is said when it takes too long. */
  readonly explain: () => string;
}

/** Tries until there is an answer. @throws StartError after the limit, and the signal's reason when it is aborted. */
export async function waitFor<Answer>(wait: Wait, attempt: () => Promise<Answer | undefined>): Promise<Answer> {
  const { clock, limitMs, signal, explain } = wait;
  const end = clock.monotonicMs() + limitMs;
  for (;;) {
    signal.throwIfAborted();
    const answer = await attempt();
    if (answer !== undefined) return answer;
    if (clock.monotonicMs() >= end) throw new StartError(explain());
    await pause(clock, POLL_MS, signal);
  }
}
