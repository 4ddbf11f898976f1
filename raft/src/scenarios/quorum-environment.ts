// `committed` and `vote`: what a majority, or two that are asked together, have reached or decided. Each case is also
// computed in other ways that must agree; where one does not, the output says so.
import {
  allVoters,
  type JointVoters,
  jointVoteResult,
  reachedByBoth,
  reachedByMajority,
  type VoteResult,
  voteResult,
} from '../core/quorum.ts';
import type { Directive } from './directive.ts';
import { readWhole } from './directive.ts';
import { type Environment, UnknownDirectiveError } from './environment.ts';

interface Case {
  readonly ids: readonly number[];
  readonly idsJoint: readonly number[];
  readonly isJoint: boolean;
  /** In the order in which voters first appear; undefined where nothing is known of one. */
  readonly known: readonly (number | undefined)[];
}

type Known = ReadonlyMap<number, number>;

const voteNames: Record<VoteResult, string> = { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' };
const votes: Record<string, number | undefined> = { y: 2, n: 1, _: undefined };

export class QuorumEnvironment implements Environment {
  run(directive: Directive): string {
    const { command } = directive;
    if (command !== 'committed' && command !== 'vote') throw new UnknownDirectiveError(command);
    const parsed = readCase(directive);
    const voters: JointVoters = { incoming: new Set(parsed.ids), outgoing: new Set(parsed.idsJoint) };
    const ordered = [...new Set([...parsed.ids, ...parsed.idsJoint])];
    if (ordered.length !== parsed.known.length) {
      const given = parsed.known.map((index) => index ?? 0).join(' ');
      return `error: mismatched input (explicit or _) for voters map[${ordered.map((id) => `${id}:{}`).join(' ')}]: [${given}]`;
    }
    const known = new Map<number, number>();
    ordered.forEach((id, at) => {
      const value = parsed.known[at];
      if (value !== undefined) known.set(id, value);
    });
    if (command === 'vote') return describeVote(voters, known, parsed.isJoint);
    return parsed.isJoint ? describeJoint(voters, known) : describeMajority(voters.incoming, known);
  }
}

function readCase({ arguments: all }: Directive): Case {
  let ids: number[] = [];
  let idsJoint: number[] = [];
  let isJoint = false;
  let known: (number | undefined)[] = [];
  for (const { key, values } of all) {
    if (key === 'cfg') ids = values.map(readWhole);
    else if (key === 'cfgj') {
      isJoint = true;
      idsJoint = values[0] === 'zero' ? [] : values.map(readWhole);
    } else if (key === 'idx') known = values.map((value) => (value === '_' ? undefined : readWhole(value)));
    else if (key === 'votes') known = values.map((value) => votes[value]);
    else throw new Error(`unknown arg ${key}`);
  }
  return { ids, idsJoint, isJoint, known };
}

function text(index: number): string {
  return Number.isFinite(index) ? String(index) : '∞';
}

function committed(voters: Iterable<number>, known: Known): number {
  return reachedByMajority(voters, (id) => known.get(id) ?? 0);
}

/** By trying every index that was reached by anybody. */
function committedByTrial(voters: ReadonlySet<number>, known: Known): number {
  if (voters.size === 0) return Number.POSITIVE_INFINITY;
  const reachedBy = (index: number) => [...voters].filter((id) => (known.get(id) ?? 0) >= index).length;
  const candidates = [...voters].map((id) => known.get(id) ?? 0);
  return Math.max(0, ...candidates.filter((index) => reachedBy(index) > voters.size / 2));
}

function describeMajority(voters: ReadonlySet<number>, known: Known): string {
  const index = committed(voters, known);
  const lines = [
    describeKnown(
      [...voters].sort((a, b) => a - b),
      known,
    ),
  ];
  const reached = (id: number) => known.get(id) ?? 0;
  const check = (other: number, how: string) => {
    if (other !== index) lines.push(`${text(other)} <-- ${how}`);
  };
  check(committedByTrial(voters, known), 'via alternative computation');
  check(reachedByBoth({ incoming: voters, outgoing: new Set() }, reached), 'via zero-joint quorum');
  check(reachedByBoth({ incoming: voters, outgoing: voters }, reached), 'via self-joint quorum');
  for (const id of voters) {
    const own = reached(id);
    if (own === 0 || own >= index) continue;
    // Who is behind what is committed could be further behind, and nothing would change.
    check(committed(voters, new Map([...known, [id, own - 1]])), `overlaying ${id}->${own}`);
    check(committed(voters, new Map([...known, [id, 0]])), `overlaying ${id}->0`);
  }
  // The text of an empty quorum ends without a line's end.
  return lines.join('\n') + (voters.size === 0 && lines.length === 1 ? '' : '\n') + text(index);
}

function describeJoint(voters: JointVoters, known: Known): string {
  const reached = (id: number) => known.get(id) ?? 0;
  const index = reachedByBoth(voters, reached);
  const mirrored = reachedByBoth({ incoming: voters.outgoing, outgoing: voters.incoming }, reached);
  const lines = [describeKnown(allVoters(voters), known)];
  if (mirrored !== index) lines.push(`${text(mirrored)} <-- via symmetry`);
  const isEmpty = allVoters(voters).length === 0 && lines.length === 1;
  return lines.join('\n') + (isEmpty ? '' : '\n') + text(index);
}

/** A bar for each voter: as long as there are voters that have reached less. */
function describeKnown(ids: readonly number[], known: Known): string {
  if (ids.length === 0) return '<empty majority quorum>';
  const width = ids.length;
  const indexOf = (id: number) => known.get(id) ?? 0;
  const lines = ids.map((id) => {
    const bar = ids.filter((other) => indexOf(other) < indexOf(id)).length;
    const drawn = known.has(id) ? `${'x'.repeat(bar)}>${' '.repeat(width - bar)}` : `?${' '.repeat(width)}`;
    return `${drawn} ${String(indexOf(id)).padStart(5)}    (id=${id})`;
  });
  return [`${' '.repeat(width)}    idx`, ...lines].join('\n');
}

function describeVote(voters: JointVoters, known: Known, isJoint: boolean): string {
  const granted = new Map(Array.from(known, ([id, vote]) => [id, vote !== 1]));
  if (!isJoint) return voteNames[voteResult(voters.incoming, granted)];
  const result = jointVoteResult(voters, granted);
  const mirrored = jointVoteResult({ incoming: voters.outgoing, outgoing: voters.incoming }, granted);
  const lines = mirrored === result ? [] : [`${voteNames[mirrored]} <-- via symmetry`];
  return [...lines, voteNames[result]].join('\n');
}
