// Where a member's data come from. Redis counts what it replicates in bytes, and has no timelines: an offset alone does
// not say under which primary its last byte was written, and Redis forgets its own history when it starts anew. So every
// primary begins an entry here, at the offset where it began, and whoever follows it takes its lineage over. Positions are
// compared by the epoch in which the last byte was written, then by the incarnation, then by the offset.
import type { Position } from '../definition.ts';

/** A primary that led on from `from`, which is as far as those before it count. */
export interface Reign {
  readonly epoch: number;
  /** Raised when a primary begins anew within its epoch with what its file held, which may be less than it had. */
  readonly incarnation: number;
  /** Drawn at random: another primary of the same epoch, or another life of it, has another. */
  readonly id: string;
  readonly from: number;
}

/** Oldest first. */
export type Lineage = readonly Reign[];

/** Older reigns say nothing of who is furthest any more. */
const MAX_REIGNS = 64;

/** Of a member whose server ended uncleanly: it has something, nobody knows how much. */
export type Unknown = 'primary' | 'replica';

export function positionAt(lineage: Lineage, offset: number): Position {
  const reign = lineage.findLast(({ from }) => offset > from) ?? lineage[0];
  return reign === undefined
    ? { epoch: 0, value: `0.${offset}` }
    : { epoch: reign.epoch, value: `${reign.incarnation}.${offset}` };
}

/** The primary's own position, also before its first byte. */
export function positionOf(lineage: Lineage, offset: number): Position {
  const reign = lineage.at(-1);
  return reign === undefined
    ? { epoch: 0, value: `0.${offset}` }
    : { epoch: reign.epoch, value: `${reign.incarnation}.${offset}` };
}

export function unknownPosition(lineage: Lineage, kind: Unknown): Position {
  return { epoch: lineage.at(-1)?.epoch ?? 0, value: `unknown.${kind}` };
}

export function comparePositions(left: Position, right: Position): number {
  if (left.epoch !== right.epoch) return left.epoch - right.epoch;
  const [mine, theirs] = [readValue(left.value), readValue(right.value)];
  return mine[0] - theirs[0] || mine[1] - theirs[1];
}

/** What is not known is less than anything that is. */
function readValue(value: string): readonly [number, number] {
  const match = /^(\d+)\.(\d+)$/.exec(value);
  if (match !== null) return [Number(match[1]), Number(match[2])];
  return [-1, value === 'unknown.primary' ? 1 : 0];
}

/** What data of `own` that end at `offset` hold beyond the point at which `theirs` left them; undefined: nothing. */
export function divergence(own: Lineage, offset: number, theirs: Lineage): { readonly leftAt: number } | undefined {
  const held = own.filter(({ from }) => offset > from);
  const shared = held.findLastIndex(({ id }) => theirs.some((reign) => reign.id === id));
  const theirNext = theirs[theirs.findIndex(({ id }) => id === held[shared]?.id) + 1]?.from;
  const ownNext = held[shared + 1]?.from;
  const leftAt = shared < 0 ? 0 : Math.min(theirNext ?? Number.POSITIVE_INFINITY, ownNext ?? Number.POSITIVE_INFINITY);
  return offset > leftAt ? { leftAt } : undefined;
}

export function reignAfter(lineage: Lineage, reign: Reign): Lineage {
  return [...lineage, reign].slice(-MAX_REIGNS);
}
