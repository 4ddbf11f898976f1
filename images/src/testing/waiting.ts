// Waits of a test: each has a bound.
import type { ServiceError } from '@grpc/grpc-js';

/** Generous: the machine of the test may do much else. */
const CALL_MS = 60_000;
export const WAIT_MS = 60_000;

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

export function soon(delayMs = CALL_MS): Date {
  return new Date(Date.now() + delayMs);
}

/** Repeats while the other side is not there yet, as an executor does. */
export async function patiently<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const UNAVAILABLE = 14;
      if ((error as ServiceError).code !== UNAVAILABLE || Date.now() > deadline) throw error;
      await pause(50);
    }
  }
}
