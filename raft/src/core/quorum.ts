// The arithmetic of majorities. While the membership changes, two sets of voters are asked and both must agree (joint
// consensus, §6); an empty set agrees with everything, so that one set alone is the joint one with nobody outgoing.
import { assert } from '../assert.ts';

export type VoteResult = 'won' | 'lost' | 'pending';

export interface JointVoters {
  readonly incoming: ReadonlySet<number>;
  readonly outgoing: ReadonlySet<number>;
}

/** How many of so many voters are a majority. */
export function majority(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1;
}

/** The largest value that a majority of the voters has reached; infinity when there are no voters. */
export function reachedByMajority(voters: Iterable<number>, reached: (voter: number) => number): number {
  const values = Array.from(voters, reached).sort((a, b) => b - a);
  if (values.length === 0) return Number.POSITIVE_INFINITY;
  const value = values[majority(values.length) - 1];
  assert(value !== undefined, 'a majority is never more than all');
  return value;
}

/** The largest value that a majority of each set has reached. */
export function reachedByBoth({ incoming, outgoing }: JointVoters, reached: (voter: number) => number): number {
  return Math.min(reachedByMajority(incoming, reached), reachedByMajority(outgoing, reached));
}

/** `votes` has true for a grant, false for a refusal, and nothing for who has not answered. */
export function voteResult(voters: Iterable<number>, votes: ReadonlyMap<number, boolean>): VoteResult {
  const all = [...voters];
  if (all.length === 0) return 'won';
  const granted = all.filter((voter) => votes.get(voter) === true).length;
  const refused = all.filter((voter) => votes.get(voter) === false).length;
  const needed = majority(all.length);
  if (granted >= needed) return 'won';
  return all.length - refused < needed ? 'lost' : 'pending';
}

/** Both sets must grant; either can refuse. */
export function jointVoteResult(voters: JointVoters, votes: ReadonlyMap<number, boolean>): VoteResult {
  const incoming = voteResult(voters.incoming, votes);
  const outgoing = voteResult(voters.outgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending';
}

/** Everybody who votes in either set, in ascending order. */
export function allVoters({ incoming, outgoing }: JointVoters): number[] {
  return [...new Set([...incoming, ...outgoing])].sort((a, b) => a - b);
}
