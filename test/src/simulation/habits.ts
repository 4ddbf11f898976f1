// What kind of world a seed is: how large, how fast, how careless. Drawn once, at the beginning.
import type { Random } from 'raft-ts/simulation';
import type { CallHabits } from './calls.ts';
import type { DatabaseHabits } from './database/database-world.ts';
import type { NetworkHabits } from './network.ts';

export interface Habits {
  readonly voters: number;
  readonly writers: number;
  readonly network: NetworkHabits;
  readonly calls: CallHabits;
  readonly database: DatabaseHabits;
  /** Between two faults, on average. */
  readonly faultEveryMs: number;
  readonly outageMs: number;
  readonly createFailureChance: number;
  /** Of an asynchronous cluster, what it may lose; undefined: commits wait for a quorum. */
  readonly rpoSeconds: number | undefined;
}

export function drawHabits(random: Random): Habits {
  return {
    voters: random.pick([2, 3, 3, 3, 3, 3, 4, 5, 5]),
    writers: random.pick([1, 2, 3]),
    network: {
      localMs: random.between(0.1, 1),
      remoteMs: random.pick([1, 10, 40]),
      extraMs: random.pick([0.2, 2, 10]),
    },
    calls: { repeatChance: random.pick([0, 0.05, 0.25]), repeatWithinMs: random.pick([500, 10_000, 40_000]) },
    database: {
      startMs: random.pick([100, 400, 1_500]),
      fsyncMs: random.pick([0.5, 3, 15]),
      reloadMs: random.pick([5, 50, 800]),
      replayStallChance: random.pick([0, 0.002, 0.02]),
      copyMs: random.pick([300, 2_000, 8_000]),
      partialChance: random.pick([0, 0.3]),
    },
    faultEveryMs: random.pick([2_000, 4_000, 8_000]),
    outageMs: random.pick([1_000, 4_000, 10_000]),
    createFailureChance: random.pick([0, 0, 0.1]),
    rpoSeconds: random.chance(0.25) ? random.pick([1, 2, 5, 10]) : undefined,
  };
}
