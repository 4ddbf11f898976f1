import { AssertionError } from 'node:assert';

/**
 * Stops the work when something happened that cannot happen. It is not for errors that an honest caller can meet:
 * whoever catches this error may only report it and end the process.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError({ message, stackStartFn: assert });
}
