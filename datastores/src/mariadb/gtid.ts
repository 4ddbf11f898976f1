// Where a log ends, and where two logs parted. MariaDB has no timelines, but each record of its log carries the number of
// the server that first wrote it (`domain-server-sequence`), wherever it is copied to. So a primary writes under its epoch
// as server number: the epoch of a record stands in the record. There is one domain, and strict mode numbers its records
// without gaps, so that (epoch, sequence) is to this log what (term, index) is to Raft's: an epoch has one primary, and
// two logs that hold the same (epoch, sequence) are the same up to there. What wrote a record is never guessed from whom
// a member follows, and a member that writes nothing has no record of the epoch.
import type { Position } from '../definition.ts';
import { DriverError } from '../driver.ts';
import { readSequence } from './positions.ts';

const DOMAIN = 0;
/** Numbers below are epochs, those from here on are members: at rest nobody writes, and nothing written then would count. */
const MEMBER_NUMBERS = 2 ** 31;
const MAX_ORDINAL = 2 ** 31 - 1;

/** How far each epoch has written in a log: what the server calls its binary log's state. */
export type LogState = ReadonlyMap<number, bigint>;

/** The number under which the server of a member runs while it leads nothing. @throws DriverError when its id has none */
export function memberNumber(memberId: string): number {
  const ordinal = Number(/-(\d+)$/.exec(memberId)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(ordinal) || ordinal > MAX_ORDINAL) {
    throw new DriverError('refused', `Member id "${memberId}" does not end with an ordinal.`);
  }
  return MEMBER_NUMBERS + ordinal;
}

/** @throws DriverError when the epoch is none */
export function epochNumber(epoch: number): number {
  if (!Number.isSafeInteger(epoch) || epoch < 1 || epoch >= MEMBER_NUMBERS) {
    throw new DriverError('refused', `Epoch ${epoch} is not one that a record can carry.`);
  }
  return epoch;
}

/** Reads `0-1-40,0-2-55`. @throws DriverError when it names another domain, or a record that no epoch wrote */
export function readState(text: string): LogState {
  const state = new Map<number, bigint>();
  for (const item of text.split(',').map((part) => part.trim())) {
    if (item === '') continue;
    const match = /^(\d+)-(\d+)-(\d+)$/.exec(item);
    const epoch = Number(match?.[2]);
    if (match === null || Number(match[1]) !== DOMAIN || epoch < 1 || epoch >= MEMBER_NUMBERS) {
      throw new DriverError('failed', `The log holds ${item}, which no primary of this cluster wrote.`);
    }
    state.set(epoch, BigInt(match[3] ?? '0'));
  }
  return state;
}

export function writeState(state: LogState): string {
  return [...state].map(([epoch, sequence]) => `${DOMAIN}-${epoch}-${sequence}`).join(',');
}

/** The last record of a log, by what the server calls a position; a log without records is of no epoch. */
export function readPosition(text: string): Position {
  const [last] = [...readState(text)];
  return last === undefined ? { epoch: 0, value: '0' } : { epoch: last[0], value: String(last[1]) };
}

/** As the server writes it; empty for a log without records. */
export function writePosition({ epoch, value }: Position): string {
  return epoch === 0 ? '' : `${DOMAIN}-${epoch}-${readSequence(value)}`;
}

/** What a log holds that another never will. */
export interface Divergence {
  readonly leftAt: Position;
  readonly transactions: number;
}

/**
 * Where the log that ends at `end` parted from another; undefined when it is the beginning of the other. `own` and
 * `other` are the states of the two.
 */
export function divergence(end: Position, own: LogState, other: LogState): Divergence | undefined {
  if (end.epoch === 0) return undefined;
  const last = readSequence(end.value);
  if (last <= (other.get(end.epoch) ?? -1n)) return undefined;
  const common = [...own.keys()].filter((epoch) => other.has(epoch)).sort((left, right) => right - left)[0];
  const ends = [own.get(common ?? 0) ?? 0n, other.get(common ?? 0) ?? 0n];
  const leftAt = ends.reduce((least, sequence) => (sequence < least ? sequence : least));
  return { leftAt: { epoch: common ?? 0, value: String(leftAt) }, transactions: Number(last - leftAt) };
}

/** A copy that ends at `end` has, of the log that it was copied from, what each epoch had written by then. */
export function stateAt(source: LogState, end: Position): LogState {
  const state = new Map([...source].filter(([epoch]) => epoch < end.epoch));
  if (end.epoch > 0) state.set(end.epoch, readSequence(end.value));
  return state;
}
