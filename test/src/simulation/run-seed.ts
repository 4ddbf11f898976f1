import type { Counts } from './counts.ts';
import { World } from './world.ts';

export interface SeedResult {
  readonly seed: number;
  readonly counts: Counts;
  /** The same for the same seed and the same code. */
  readonly trace: string;
  readonly violation: string | undefined;
}

/** Lives through one seed. Its trace goes to `listener`, line by line. */
export async function runSeed(seed: number, listener?: (line: string) => void): Promise<SeedResult> {
  const world = new World(seed, listener);
  await world.run().catch((error: Error) => world.failed(error));
  const { counts, violation } = world;
  return { seed, counts, trace: world.finishTrace(), violation: violation && describe(violation) };
}

/** A violation is told in a line; what was not foreseen, with its stack and its causes. */
function describe(error: Error): string {
  if (error.name === 'Violation') return error.message;
  const cause = error.cause instanceof Error ? `\ncaused by ${describe(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
