// What runs directives: one environment for the arithmetic of quorums, one for changes of membership, one for clusters.
import type { Directive } from './directive.ts';

/** A directive that the environment does not have fails, whatever it expects. */
export class UnknownDirectiveError extends Error {
  override readonly name = 'UnknownDirectiveError';

  constructor(command: string) {
    super(`unknown directive ${command}`);
  }
}

/** Keeps its state from one directive of a file to the next. */
export interface Environment {
  /** The output. Throws UnknownDirectiveError, and anything else when a core does what cannot happen. */
  run(directive: Directive): string;
}
