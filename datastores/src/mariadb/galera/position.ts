// How far a member's data reach: which history they are of, and the number of the last transaction in it. Two of one
// history are ordered; of two histories neither is ahead. Pure.
import type { Position } from '../../definition.ts';

export interface GroupPosition {
  /** A UUID; drawn when the group was founded. */
  readonly history: string;
  readonly sequence: bigint;
}

const NO_HISTORY = '00000000-0000-0000-0000-000000000000';
const TEXT = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\d{1,19})$/;

/** Reads `UUID:number`, as the server writes it; undefined when it names no history or no number. */
export function readGroupPosition(text: string): GroupPosition | undefined {
  const [, history = '', sequence = ''] = TEXT.exec(text.trim().toLowerCase()) ?? [];
  return history === '' || history === NO_HISTORY ? undefined : { history, sequence: BigInt(sequence) };
}

export function writeGroupPosition({ history, sequence }: GroupPosition): string {
  return `${history}:${sequence}`;
}

/** In what `mariadbd --wsrep-recover` says. */
export function readRecovered(log: string): GroupPosition | undefined {
  return readGroupPosition(/Recovered position: *(\S+)/.exec(log)?.[1] ?? '');
}

/** The order of positions of one history. @throws Error when they are of two, or are none */
export function compareInGroup(left: Position, right: Position): number {
  const [one, other] = [readGroupPosition(left.value), readGroupPosition(right.value)];
  if (one === undefined || other === undefined || one.history !== other.history) {
    throw new Error(`${left.value} and ${right.value} are not of one history.`);
  }
  return one.sequence === other.sequence ? 0 : one.sequence < other.sequence ? -1 : 1;
}
