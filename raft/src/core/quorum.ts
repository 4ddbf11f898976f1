// The arithmetic of majorities. A later change of membership asks two voter sets at once (joint consensus, §6);
// it belongs here and nowhere else.
import { assert } from '../assert.ts';

export type VoteResult = 'won' | 'lost' | 'pending';

/** How many of so many voters are a majority. */
export function majority(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1;
}

/** The largest value that a majority of the voters has reached. */
export function reachedByMajority(voters: readonly number[], reached: (voter: number) => number): number {
  assert(voters.length > 0, 'there is no majority of nobody');
  const values = voters.map(reached).sort((a, b) => b - a);
  const value = values[majority(voters.length) - 1];
  assert(value !== undefined, 'a majority is never more than all');
  return value;
}

/** `votes` has true for a grant, false for a refusal, and nothing for who has not answered. */
export function voteResult(voters: readonly number[], votes: ReadonlyMap<number, boolean>): VoteResult {
  const granted = voters.filter((voter) => votes.get(voter) === true).length;
  const refused = voters.filter((voter) => votes.get(voter) === false).length;
  const needed = majority(voters.length);
  if (granted >= needed) return 'won';
  return voters.length - refused < needed ? 'lost' : 'pending';
}
