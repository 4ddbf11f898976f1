// The order of positions: (epoch, number of the record). gtid.ts says why that is an order. Pure.
import type { Position } from '../definition.ts';

/** @throws Error when it is none */
export function readSequence(value: string): bigint {
  if (!/^\d{1,20}$/.test(value)) throw new Error(`"${value}" is not the number of a record.`);
  return BigInt(value);
}

/** Negative when `left` is behind, positive when it is ahead: the epoch first, then the number of the record. */
export function comparePositions(left: Position, right: Position): number {
  if (left.epoch !== right.epoch) return left.epoch - right.epoch;
  const difference = readSequence(left.value) - readSequence(right.value);
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}
