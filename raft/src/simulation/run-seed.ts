import { checkLinearizability } from '../checker/linearizability.ts';
import { registerModel } from '../checker/register.ts';
import type { Counts } from './coverage.ts';
import { World } from './world.ts';

/** Beyond this a history is given up as undecided; the direct checks have still been made. */
const maxStates = 200_000;

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
  await world.run();
  const { counts } = world;
  counts.seeds = 1;
  let violation = world.violation;
  if (violation === undefined) {
    const verdict = checkLinearizability(registerModel, world.history, { maxStates });
    if (verdict === 'not-linearizable') violation = new Error('what the clients saw is not linearizable');
    if (verdict === 'undecided') counts.undecidedHistories = 1;
    counts.histories = 1;
  }
  return { seed, counts, trace: world.finishTrace(), violation: violation && describe(violation) };
}

/** A violation is told in a line; what was not foreseen, with its stack and its causes. */
function describe(error: Error): string {
  if (error.name === 'Violation') return error.message;
  const cause = error.cause instanceof Error ? `\ncaused by ${describe(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
